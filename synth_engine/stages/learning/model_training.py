"""One training of a model: the half of `train` that needs torch."""

import secrets
from dataclasses import dataclass
from functools import cached_property

import torch

from synth_engine._version import __version__
from synth_engine.domain import ModelType, ProgressCallback, TrainConfig
from synth_engine.domain.progress import Progress
from synth_engine.stages.learning.flat import FlatKind
from synth_engine.stages.learning.kinds import Counts, Kind, Reusable
from synth_engine.stages.learning.model_saver import ModelSaver, Run
from synth_engine.stages.learning.model_state import State
from synth_engine.stages.learning.private_regime import PrivateRegime, private_settings
from synth_engine.stages.learning.regimes import Parts, PlainRegime, Regime, epochs_of, plain_settings
from synth_engine.stages.learning.sequential import SequenceKind
from synth_engine.stages.learning.spending import RunLedger, Unbounded
from synth_engine.stages.model_files import Described, Network, NetworkSizes, kept_sizes
from synth_engine.training import History, Learner, Limits, Loop, Outcome, Randomness, WeightAverage
from synth_engine.training.team import Team, decided_bytes, joined
from synth_engine.training.termination import Termination, awaited
from synth_engine.workspace import ArtefactReader, Workspace

_ID_BYTES = 8


@dataclass(frozen=True)
class ModelTraining:
    """A training to be done.

    Args:
        workspace: Where.
        described: Statistics of the tables.
        encoded: Their codes.
        data_version: Tells versions of the table apart.
        config: Settings.
        device: Where to compute.
        saver: Where the model goes.
        state: What to go on from.
        reused: The model whose weights to start from.
    """

    workspace: Workspace
    described: Described
    encoded: ArtefactReader
    data_version: str
    config: TrainConfig
    device: torch.device
    saver: ModelSaver
    state: State | None
    reused: Reusable | None

    def run(self, update_progress: ProgressCallback | None) -> None:
        """Train on the encoded rows, and save every better model; without a column there is nothing to learn."""
        with awaited() as termination, joined(self.device) as team:
            callback = update_progress if team.rank == 0 else None
            progress = Progress(callback, "train", total=epochs_of(self.config), unit="epochs")
            if not self.described.is_empty:
                self._train(team, termination, progress)
            elif team.rank == 0:
                self.saver.finish(None, History(), None, None)

    def _train(self, team: Team, termination: Termination, progress: Progress) -> None:
        run_id, randomness = self._identity(team)
        regime = self._regime(team, run_id, randomness)
        run = Run(run_id, randomness, regime.settings, regime.limits, regime.plan)
        counts = regime.counts(self._kind)
        network = self._network(regime, counts, randomness)
        parts = regime.parts(network, self._kind, team)
        learner = self._learner(network, parts, run)
        self.saver.begin(run, regime, self._kind, learner)
        loop = Loop(
            learner,
            parts.sampler,
            Limits(run.limits["epochs"], run.limits["seconds"], regime.max_steps),
            progress,
            referee=parts.referee,
            keeper=self.saver if team.rank == 0 else None,
            spending=regime.spending,
            team=team,
            termination=termination,
        )
        outcome = loop.run()
        if team.rank == 0:
            self._finish(learner, outcome, counts, loop, randomness)

    def _finish(
        self, learner: Learner, outcome: Outcome, counts: Counts | None, loop: Loop, randomness: Randomness
    ) -> None:
        best = learner.best
        assert isinstance(best, Network)
        if outcome.steps and counts is not None:
            self._calibrate(best, counts, randomness.generator(self.device, "calibration"))
        self.saver.finish(best, learner.history, outcome, loop.end)

    @cached_property
    def _kind(self) -> Kind:
        if self.described.model_type is ModelType.LANGUAGE:
            from synth_engine.stages.learning.written import WrittenKind  # needs libraries that not everybody has

            return WrittenKind.read(self.described, self.encoded, self.device, self.config)
        if not self.described.has_subjects:
            return FlatKind.read(self.described.target, self.encoded, self.device)
        return SequenceKind.read(self.described, self.encoded, self.device, self.config.max_sequence_window)

    def _identity(self, team: Team) -> tuple[str, Randomness]:
        """Name and randomness of the run: new ones, or those of the run that is gone on with."""
        if self.state is not None:
            return self.state.run.id, self.state.run.randomness
        run_id = decided_bytes(secrets.token_bytes(_ID_BYTES), team).hex()
        seed = self.config.random_state
        if seed is None:
            return run_id, Randomness(decided_bytes(Randomness.fresh().key, team))
        if self.config.differential_privacy is None:
            return run_id, Randomness.of_seed(seed)
        return run_id, Randomness(self.workspace.keyed("train", seed, self._fingerprint(team)))

    def _fingerprint(self, team: Team) -> str:
        """Of all that a training follows from beside its seed.

        Two private trainings that differ in anything must not share their noise: it would cancel in the difference of
        their models, and leave what only one of them has seen. The workspace's key is in it as seeds can be guessed.
        """
        reused = None if self.reused is None else self.reused.files.manifest.digest
        config = self.config.model_dump_json(exclude={"model_state_strategy"})
        return "\x1f".join(map(str, (__version__, self.encoded.manifest.digest, reused, team.size, config)))

    def _regime(self, team: Team, run_id: str, randomness: Randomness) -> Regime:
        ledger = RunLedger(self.workspace, run_id, self.data_version)
        resumed = None if self.state is None else {**self.state.run.plan, "steps_taken": self.state.steps}
        if self.config.differential_privacy is None:
            settings = plain_settings(self.config, team, self._kind)
            return PlainRegime(self.config, randomness, settings, Unbounded(ledger), plan={})
        n_records = (
            self.described.target.no_of_training_records
        )  # the number that is published; the real one may be secret
        settings = private_settings(self.config, team, self._kind, n_records)
        return PrivateRegime.planned(
            self.config, randomness, settings, self._kind, n_records, ledger, resumed=resumed, reused=self.reused
        )

    def _network(self, regime: Regime, counts: Counts | None, randomness: Randomness) -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(randomness.seed("weights"))
            network = self._kind.network(self._sizes())
        network.to(self.device)
        if counts is not None:
            self._kind.start(network, counts)
        if self.reused is not None:
            self.saver.transfer = self._kind.carry_over(self.reused, network)
            if self.saver.transfer.n_new_codes and counts is not None:  # half of what a first epoch would bring
                self._calibrate(network, counts, randomness.generator(self.device, "reuse"))
        return network

    def _calibrate(self, network: Network, counts: Counts, generator: torch.Generator) -> None:
        self._kind.calibrate(network, counts, generator, private=self.config.differential_privacy is not None)

    def _sizes(self) -> NetworkSizes:
        """Those of a model that is taken up stay, if it is the one that is asked for."""
        if self.state is not None:
            return self.state.sizes
        suited = self._kind.sizes(self.config.model, private=self.config.differential_privacy is not None)
        if self.reused is not None and self.reused.model == self.config.model:
            return kept_sizes(self.reused.network.sizes, suited)
        return suited

    def _learner(self, network: Network, parts: Parts, run: Run) -> Learner:
        learner = Learner(network, parts.stepper, parts.schedule, WeightAverage(network, parts.average_decay))
        if self.state is not None:
            self.state.resume(learner, run)
        return learner

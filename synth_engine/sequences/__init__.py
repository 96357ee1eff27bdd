"""Models of sequences: subjects with a context, and the events that belong to them.

How many events a subject has is drawn given its context; then event after event, given the context, the place in the
sequence and all events before. The distributions themselves are those of `synth_engine.tabular`.

Belongs here: codes, tensors, networks. Does not belong here: values, files, settings.

Shape legend: S subjects, B of them in a batch, E events of all subjects (of a batch) one after the other, K sub-columns
of an event, L those of a length, C those of the context.
"""

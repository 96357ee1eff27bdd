"""Bytes that Arrow's own threads may hold on to."""

import pyarrow as pa


def detached(data: bytes | memoryview) -> pa.Buffer:
    """A copy that Arrow owns, without a Python object behind it.

    Arrow's readers read ahead in threads of their own, which may let go of their buffer a moment after the result is
    there. If it is a Python object, letting go takes the interpreter's lock; and where the program is just ending, the
    thread is ended instead, in the middle of C++ code, and the whole process aborts after all its work was done
    ("terminate called without an active exception"; one in 25 processes that ended at once, on a busy machine).
    """
    sink = pa.BufferOutputStream()
    sink.write(data)
    return sink.getvalue()

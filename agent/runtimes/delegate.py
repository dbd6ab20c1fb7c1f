"""LiteRT's interpreter with an external delegate: ``delegate:/usr/lib/libedgetpu.so.1?device=usb``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from agent.runtimes.interpreter import InterpreterLoaded
from agent.runtimes.litert import PACKAGE, prepare, version

if TYPE_CHECKING:
    from collections.abc import Sequence


class DelegateLoaded(InterpreterLoaded):
    """An artifact of which a delegate took what it could."""

    def __init__(self, interpreter: object, delegate: str, outputs: Sequence[int]) -> None:
        super().__init__(interpreter, outputs)
        self._delegate = delegate

    def effective(self) -> dict[str, object]:
        """Return the nodes of the graph, how many of them the delegate took, and its name if it took any."""
        fields = super().effective()
        return {**fields, "delegate": self._delegate if fields.get("delegated_nodes") else None} if fields else fields


class WithDelegate:
    """A runtime that a library's path and options make, as `agent.runtimes.base.Runtime`."""

    PACKAGE = PACKAGE
    prepare = staticmethod(prepare)
    version = staticmethod(version)

    def __init__(self, library: str, options: dict[str, str]) -> None:
        self._library, self._options = library, options
        #: What is asked for; a graph of which nothing was given to it did not run on it.
        self.DELEGATE = library

    def load(self, path: str, threads: int, outputs: Sequence[int] = ()) -> DelegateLoaded:
        """Load an artifact; raises `ValueError` where the library is no delegate, or refuses the graph.

        XNNPACK stays out, so that what is counted as delegated is this delegate's; the rest runs on the interpreter's own
        kernels.
        """
        from ai_edge_litert.interpreter import Interpreter, OpResolverType, load_delegate

        try:
            delegate = load_delegate(self._library, self._options)
        except OSError as error:  # the linker's words
            raise ValueError("the delegate can't be loaded: %s" % error) from error
        return DelegateLoaded(
            Interpreter(
                model_path=path,
                num_threads=threads,
                experimental_delegates=[delegate],
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            ),
            self._library,
            outputs,
        )


def bind(argument: str) -> WithDelegate:
    """Return the runtime for ``PATH?key=value&key=value``; what the options mean is the library's matter."""
    library, _, options = argument.partition("?")
    return WithDelegate(library, dict(parse_qsl(options, keep_blank_values=True)))

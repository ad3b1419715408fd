"""One line a record on stderr; a `ReidError` that nobody caught is one clear line, a bug is a traceback."""

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Final

from reid.errors import ReidError
from reid.runtime.settings import Settings

_FORMAT: Final = "%(asctime)s %(levelname)-7s {process} %(name)s: %(message)s"
#: Libraries that tell at INFO what only their authors want to know.
_CHATTY: Final = ("aiokafka", "faust", "mode", "kafka", "httpx", "httpcore", "urllib3", "uvicorn.access")


class OneLine(logging.Formatter):
    """Folds a message of several lines into one, so that logs can be grepped; tracebacks stay whole."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return " ⏎ ".join(super().formatMessage(record).splitlines())


def configure(settings: Settings, process_name: str) -> None:
    """Set up the root logger and the hooks for uncaught exceptions of this process. Idempotent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(_FORMAT.format(process=process_name), datefmt="%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    quiet = max(logging.WARNING, logging.getLevelName(settings.log_level))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(quiet if settings.log_level != "DEBUG" else logging.DEBUG)
    logging.captureWarnings(True)
    warnings.simplefilter("default" if settings.log_level == "DEBUG" else "ignore", DeprecationWarning)
    log = logging.getLogger("saferoom")
    sys.excepthook = _hook(log)
    threading.excepthook = _thread_hook(log)


def tell(log: logging.Logger, error: BaseException) -> None:
    """A deliberate error as its one line, anything else with its traceback."""
    if isinstance(error, ReidError):
        log.error("%s", error)
    else:
        log.critical("this is a bug", exc_info=(type(error), error, error.__traceback__))


def _hook(
    log: logging.Logger,
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        tell(log, error)

    return hook


def _thread_hook(log: logging.Logger) -> Callable[[threading.ExceptHookArgs], None]:
    def hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            tell(log, args.exc_value)

    return hook

"""The core's own settings, as keyword arguments."""

from typing import TYPE_CHECKING, Any, Dict, Mapping

if TYPE_CHECKING:
    from . import _ffi


def config(ffi: Any, said: Mapping[str, Any]) -> "_ffi.Config":
    """What differs from the defaults. None: the default.

    Errors: ``TypeError`` or ``ValueError``, whatever cannot be one of the settings.
    """
    given: Dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    for name in ("events_kept_longest", "events_dropped_first", "consent_required"):
        if name in given:
            given[name] = _names(name, given[name])
    if "sampling" in given:
        rates = given["sampling"].items()
        given["sampling"] = [ffi.SampleRate(event=event, share=float(share)) for event, share in rates]
    if "consent_by_event" in given:
        rules = given["consent_by_event"].items()
        given["consent_by_event"] = [
            ffi.ConsentRule(event=event, categories=_names(event, categories)) for event, categories in rules
        ]
    for name in ("gpc", "dnt"):
        if name in given:
            given[name] = ffi.PrivacySignal[given[name].upper()]
    made = ffi.Config(**given)
    ffi._UniffiFfiConverterTypeConfig.check_lower(made)
    return made  # type: ignore[no-any-return]


def _names(setting: str, value: Any) -> Any:
    # A text is a sequence of texts, too, and hardly ever meant so.
    if isinstance(value, str):
        raise TypeError(f"{setting} is a list of names and not the text {value!r}")
    return list(value)

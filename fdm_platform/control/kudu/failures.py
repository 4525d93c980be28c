"""What a Kudu client reports, as errors of ours: which address, table and column, and what to do."""

from __future__ import annotations

from fdm_platform.control.kudu.client import KuduFailure
from fdm_platform.errors import ControlError, ControlUnavailableError

INIT_REMEDY = "run `fdm control init`, or correct FDM_CONTROL_URL"
_AWAY = {"Network error", "Timed out", "Service unavailable", "Aborted", "Remote error"}
_MAX_MESSAGE = 300


def explain(failure: KuduFailure, address: str, table: str | None = None) -> ControlError:
    """The failure as a ControlError; a ControlUnavailableError where trying again may help."""
    if _is_away(failure):
        return ControlUnavailableError(
            f"Kudu at {address} cannot be reached: {_brief(failure)}",
            field=table,
            remedy="see that its master and tablet servers run and that FDM_CONTROL_URL names the masters",
        )
    if failure.status == "Invalid argument" and "timestamp" in failure.message:
        return ControlUnavailableError(
            f"Kudu at {address} does not read at the time of this snapshot: {_brief(failure)}",
            field=table,
            remedy="try again; if it stays so, have the clocks of its servers synchronised (NTP)",
        )
    if table and is_gone(failure):
        return ControlError(f"Kudu at {address} has no table {table}", field=table, remedy=INIT_REMEDY)
    if "not enough live tablet servers" in failure.message:
        return ControlError(
            f"Kudu at {address} has too few tablet servers: {_brief(failure)}",
            field=table,
            remedy="start more, or make tables of fewer copies: `fdm control init --replicas 1`",
        )
    if failure.status == "Not authorized":
        return ControlError(
            f"Kudu at {address} refuses this user: {_brief(failure)}",
            field=table,
            remedy="renew the Kerberos ticket (kinit), or ask for the right to this table",
        )
    return ControlError(
        f"Kudu at {address} refused: {_brief(failure)}",
        field=table,
        remedy="run `fdm control check`; the cluster's own logs say more",
    )


def is_gone(failure: KuduFailure) -> bool:
    """There is no such table, or it is another one of this name by now."""
    return failure.status == "Not found" and not is_uncovered(failure)


def is_uncovered(failure: KuduFailure) -> bool:
    """A row was refused because no range partition holds its key."""
    return failure.status == "Not found" and "range partition" in failure.message


def _is_away(failure: KuduFailure) -> bool:
    return failure.status in _AWAY or "Couldn't find a valid master" in failure.message


def _brief(failure: KuduFailure) -> str:
    """Without the trace of the client's own tries, which is long and names nothing that helps."""
    text = " ".join(failure.message.split()).partition(" KuduRpc(")[0].rstrip(":")
    return f"{failure.status}: {text[:_MAX_MESSAGE]}{'…' if len(text) > _MAX_MESSAGE else ''}"

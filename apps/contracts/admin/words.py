"""How states of contracts and cards look in lists."""

STATUS_LABELS = {
    "Offered": "warning",
    "Active": "success",
    "Suspended": "warning",
    "Blocked": "warning",
    "Ended": "info",
    "Retired": "info",
}

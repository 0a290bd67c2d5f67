"""Where the console's only socket is, beside the page that opens it."""

from typing import Final

from apps.console.consumers import BoardConsumer

BOARD_PATH: Final = "/admin/console/live/socket/"
board_application: Final = BoardConsumer.as_asgi()

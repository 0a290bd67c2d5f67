"""Where the console's only socket is, beside the page that opens it."""

import re
from typing import Final

from apps.console.consumers import BoardConsumer

BOARD_PATH: Final = re.compile(r"/admin/console/live/socket/")
board_application: Final = BoardConsumer.as_asgi()

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from apps.documents import renderer

PAGE = '<link rel="stylesheet" href="asset:invoice.css"><p>{}</p>'


class TestRender:
    def test_gives_the_same_bytes_for_the_same_text(self):
        html = PAGE.format("Hello")

        first, again = renderer.render(html), renderer.render(html)

        assert first == again
        assert (first.media_type, first.extension) == ("application/pdf", ".pdf")

    def test_calls_no_address_and_reads_no_file_that_a_document_names(self, caplog):
        asked = []

        class Ear(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *args: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Ear)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/secret"
            with caplog.at_level(logging.ERROR, logger="weasyprint"):
                renderer.render(
                    f'<img src="{url}"><link rel=stylesheet href="{url}.css"><img src="file:///etc/passwd">'
                )
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

        assert asked == []
        assert "'file:///etc/passwd' is no packaged asset" in caplog.text


class TestFindAsset:
    def test_finds_packaged_files(self):
        assert renderer.find_asset("asset:invoice.css").name == "invoice.css"

    @pytest.mark.parametrize(
        "url",
        [
            "file:///etc/passwd",
            "http://example.com/invoice.css",
            "asset:../css/console.css",
            "asset:/etc/passwd",
            "asset:invoice.css?x=1",
            "asset:no-such-file.css",
            "data:text/css,body{}",
        ],
    )
    def test_refuses_everything_else(self, url):
        with pytest.raises(renderer.AssetRefused):
            renderer.find_asset(url)

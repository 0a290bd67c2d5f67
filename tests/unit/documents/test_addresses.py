"""Where a URL that somebody named may lead: the public internet, nowhere else."""

import pytest

from apps.documents.domain.addresses import UrlRefused, check_url, is_local, is_public


class TestIsPublic:
    @pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "1.1.1.1"])
    def test_lets_addresses_of_the_internet_pass(self, address):
        assert is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "192.88.99.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:a00:1::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
        ],
    )
    def test_lets_nothing_else_pass(self, address):
        assert not is_public(address)

    @pytest.mark.parametrize("address", ["::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::1"])
    def test_judges_a_wrapped_address_by_what_is_in_it(self, address):
        assert is_public(address)


class TestCheckUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "https://hooks.example.com",
            "https://hooks.example.com:8443/path?key=1",
            "https://93.184.216.34/x",
            "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        ],
    )
    def test_takes_https_to_a_public_host(self, url):
        assert not is_local(check_url(url, allow_localhost=False))

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("", "names no host"),
            ("hooks.example.com", "names no host"),
            ("https://", "names no host"),
            ("https://example.com:0/", "names no host"),
            ("https://example.com:99999/", "no URL"),
            ("https://[::1/", "no URL"),
            ("http://example.com/", "https://"),
            ("http://localhost/", "https://"),
            ("http://127.0.0.1:8000/", "https://"),
            ("ftp://example.com/", "https://"),
            ("file:///etc/passwd", "names no host"),
            ("https://user:pass@example.com/", "user and password"),
            ("https://example.com@10.0.0.1/", "user and password"),
            ("https://example.com/#top", "behind #"),
            ("https://127.0.0.1/", "no public address"),
            ("https://169.254.169.254/latest/meta-data/", "no public address"),
            ("https://[::ffff:10.0.0.1]/", "no public address"),
            ("https://exa mple.com/", "no spaces"),
            ("https://example.com/\r\nX: y", "no spaces"),
            ("https://exämple.com/", "ASCII"),
            ("https://example.com/" + "a" * 500, "at most"),
        ],
    )
    def test_refuses_what_is_none_and_says_why(self, url, says):
        with pytest.raises(UrlRefused, match=says):
            check_url(url, allow_localhost=False)

    @pytest.mark.parametrize("url", ["http://localhost:9000/x", "http://127.0.0.1/", "http://[::1]:9000/"])
    def test_takes_this_machine_where_a_developer_is_at_it(self, url):
        assert is_local(check_url(url, allow_localhost=True))

    @pytest.mark.parametrize("url", ["http://example.com/", "http://127.0.0.2/", "http://localhost.evil.example/"])
    def test_takes_no_other_plain_http_there_either(self, url):
        with pytest.raises(UrlRefused):
            check_url(url, allow_localhost=True)

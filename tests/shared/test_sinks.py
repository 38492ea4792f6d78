"""Where webhooks may go: forbidden addresses in all their spellings."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from shared.sinks import Allowed, Sink, Unfit, check_address, check_addresses, read_sink

NOBODY = Allowed()
SPELLINGS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.000.000.001/",
    "https://0.0.0.0/",
    "https://0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2002:c0a8:101::]/",
    "https://[2001:0:7f00:1::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://192.0.0.192/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://127.0.0.1:8443/",
    "https://127.0.0.1./",
    "https://user@127.0.0.1/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1\\@example.com/",
    "https://example.com\\.127.0.0.1/",
    "https://[::ffff:169.254.169.254]/",
    "https://[2001:db8::5efe:7f00:1]/",
    "http://example.com/",
    "ftp://example.com/",
    "gopher://example.com/",
    "file:///etc/passwd",
    "https:///path",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://example.com/\r\nHost: x",
]
LEADS_INSIDE = [
    ["127.0.0.1"],
    ["93.184.215.14", "10.0.0.1"],  # one of several: the next look-up may give it
    ["::ffff:10.0.0.1"],
    ["fe80::1%eth0"],
    ["169.254.169.254"],
    [],
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_a_forbidden_sink_is_refused_in_every_spelling(url: str) -> None:
    assert isinstance(read_sink(url, NOBODY), Unfit)


@pytest.mark.parametrize("found", LEADS_INSIDE, ids=str)
def test_a_name_that_leads_inside_is_refused(found: list[str]) -> None:
    assert isinstance(check_addresses("example.com", found, NOBODY), Unfit)


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://EXAMPLE.com:8443/a?b=c", "https://[2606:4700::1111]/", "https://1.1.1.1/x"]
)
def test_a_public_sink_is_taken(url: str) -> None:
    sink = read_sink(url, NOBODY)
    assert isinstance(sink, Sink)
    assert sink.host == sink.host.lower()
    assert sink.target.startswith("/")


def test_public_addresses_pass() -> None:
    assert check_addresses("example.com", ["93.184.215.14", "2606:4700::1111"], NOBODY) == [
        "93.184.215.14",
        "2606:4700::1111",
    ]


def test_what_the_operator_names_passes_and_nothing_else() -> None:
    allowed = Allowed.read("hook.internal, 10.1.0.0/16")
    assert isinstance(read_sink("http://hook.internal/x", allowed), Sink)
    assert check_addresses("hook.internal", ["10.9.9.9"], allowed) == ["10.9.9.9"]
    assert check_addresses("other.internal", ["10.1.2.3"], allowed) == ["10.1.2.3"]
    assert isinstance(check_addresses("other.internal", ["10.2.2.3"], allowed), Unfit)
    assert isinstance(read_sink("http://other.internal/x", allowed), Unfit)
    assert isinstance(read_sink("https://10.1.0.1/x", allowed), Sink)
    assert check_address(ip_address("::ffff:10.1.0.1"), allowed) is not None, "named in one spelling, not the other"


def test_nonsense_is_not_allowed() -> None:
    with pytest.raises(ValueError, match="x y"):
        Allowed.read("x y")


@given(
    st.text("ab.1:@/\\?#[]%x0-_", min_size=1, max_size=24).map(lambda rest: f"https://{rest}")
    | st.from_regex(r"https://[a-z0-9.:@\[\]-]{1,20}(/[!-~]{0,10})?", fullmatch=True)
)
def test_whoever_connects_reads_the_same_host_and_port(url: str) -> None:
    """The check reads a URL with one library, the connection with another: they must not differ."""
    found = read_sink(url, NOBODY)
    if isinstance(found, Sink):
        other = URL(url, encoded=True)
        assert (other.host, other.port, other.scheme) == (found.host, found.port, "https")

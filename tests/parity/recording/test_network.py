import pytest

from garrison.parity.recording.network import from_header


def test_a_header_without_hosts_is_refused():
    with pytest.raises(ValueError, match="'hosts' is missing or unknown"):
        from_header({"subnets": {}})


def test_a_header_with_an_unknown_host_is_refused(header):
    hosts = [["printer_0", *header["hosts"][0][1:]], *header["hosts"][1:]]
    with pytest.raises(ValueError, match="'printer_0' is missing or unknown"):
        from_header(header | {"hosts": hosts})

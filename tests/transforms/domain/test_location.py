"""Keys of places: what reports write differently and mean alike is one key, what they mean apart is several."""

from __future__ import annotations

import pytest

from transforms.domain import location
from transforms.domain.location import of_endpoint, parse_endpoint


def web(url: str, param: str | None = None):
    return of_endpoint(parse_endpoint(url), param)


SAME = [
    # hosts: case, trailing dot, port 0, an unsaid transport
    [location.host("DB.example.com", 5432, "tcp"), location.host("db.example.com.", 5432, "TCP"), location.host(" db.example.com ", 5432), of_endpoint(parse_endpoint("db.example.com:5432"))],
    [location.host("db.example.com", 0, "tcp"), location.host("db.example.com", None, "icmp"), location.host("db.example.com"), of_endpoint(parse_endpoint("DB.example.com."))],
    [location.host("db.example.com", 22, "tcp"), of_endpoint(parse_endpoint("ssh://db.example.com:22"))],
    [location.host("db.example.com", 53, "udp"), of_endpoint(parse_endpoint("udp://db.example.com:53"))],
    # IPv6: full and short, in brackets and without, upper case
    [location.host("2001:DB8:0:0:0:0:0:1", 443, "tcp"), location.host("[2001:db8::1]", 443, "tcp"), of_endpoint(parse_endpoint("[2001:db8:0::1]:443"))],
    [location.host("::1"), of_endpoint(parse_endpoint("0:0:0:0:0:0:0:1")), location.host("[::0001]")],
    [web("https://[2001:DB8::1]/a"), web("https://[2001:db8:0:0:0:0:0:1]:443/a")],
    # names beyond ASCII
    [location.host("bücher.example", 80), location.host("xn--bcher-kva.example", 80)],
    # URLs: default ports, case of scheme and host, empty path, query and fragment
    [web("https://shop.example.com"), web("HTTPS://Shop.Example.com:443/"), web("https://shop.example.com./?q=1#top")],
    [web("http://shop.example.com:80/a"), web("http://shop.example.com/a?b=2"), web("shop.example.com/a")],
    # their paths: %-encoding, dot segments, sessions
    [web("https://s.example.com/a%7Eb/%c3%bc"), web("https://s.example.com/a~b/%C3%BC"), web("https://s.example.com/x/../a~b/ü")],
    [web("https://s.example.com/login.jsp;jsessionid=8F3A"), web("https://s.example.com/login.jsp;JSESSIONID=77?next=1"), web("https://s.example.com/./login.jsp")],
    # files: from the root of what was scanned
    [location.code("src/a.py", "R1"), location.code("./src/a.py", "R1"), location.code("/src/a.py", "R1"), location.code("src\\a.py", "R1"), location.code("src//b/../a.py", "R1")],
    # packages: case, URLs of packages with and without version and qualifiers
    [location.package("Django"), location.package(" django "), location.package("pkg:pypi/Django@3.2.9"), location.package("pkg:pypi/django")],
    [location.package("@angular/core"), location.package("pkg:npm/%40angular/core@16.0.0?x=y#sub")],
    [location.package("org.apache.logging.log4j:log4j-core"), location.package("pkg:maven/org.apache.logging.log4j/log4j-core@2.13.2?type=jar")],
    [location.package("libc6"), location.package("pkg:deb/debian/libc6@2.28-10?arch=amd64")],
    # cloud: ARNs but for the resource, Azure's ids, a log group and its streams
    [location.cloud("arn:aws:s3:::Bucket"), location.cloud(" ARN:AWS:S3:::Bucket")],
    [location.cloud("arn:aws:logs:eu-west-1:1:log-group:app"), location.cloud("arn:aws:logs:EU-WEST-1:1:log-group:app:*")],
    [location.cloud("/subscriptions/A1/resourceGroups/RG/providers/Microsoft.KeyVault/vaults/v"), location.cloud("/subscriptions/a1/resourcegroups/rg/providers/microsoft.keyvault/vaults/V/")],
]  # fmt: skip

DIFFERENT = [
    location.host("db.example.com", 5432, "tcp"),
    location.host("db.example.com", 5433, "tcp"),
    location.host("db.example.com", 5432, "udp"),
    location.host("db.example.com"),
    location.host("db2.example.com"),
    location.host("2001:db8::1"),
    location.host("2001:db8::10"),
    location.host("not:an:address"),
    web("https://s.example.com/a"),
    web("http://s.example.com/a"),
    web("https://s.example.com:8443/a"),
    web("https://s.example.com/a/"),
    web("https://s.example.com/A"),
    web("https://s.example.com/a", "q"),
    web("https://s.example.com/a", "Q"),
    web("https://s.example.com/a%2Fb"),
    web("https://s.example.com/a/b"),
    web("https://s.example.com/a%25b"),
    web("https://s.example.com/.a"),
    location.code("src/a.py", "R1"),
    location.code("src/A.py", "R1"),
    location.code("a.py", "R1"),
    location.code("src/a.py", "R2"),
    location.code(".github/a.yml", "R1"),
    location.code("github/a.yml", "R1"),
    location.code("../a.py", "R1"),
    location.package("log4j:log4j"),
    location.package("org.apache.logging.log4j:log4j-core"),
    location.package("log4j-core"),
    location.cloud("arn:aws:s3:::Bucket"),
    location.cloud("arn:aws:s3:::bucket"),
    location.cloud("arn:aws-cn:s3:::Bucket"),
    location.cloud("arn:aws:lambda:eu-west-1:1:function:f"),
    location.cloud("arn:aws:lambda:eu-west-2:1:function:f"),
    location.cloud("//storage.googleapis.com/Bucket"),
]


@pytest.mark.parametrize("forms", SAME, ids=lambda forms: forms[0].key)
def test_forms_of_one_place_are_one_key(forms):
    assert len(set(forms)) == 1


def test_places_apart_have_keys_apart():
    assert len(set(DIFFERENT)) == len(DIFFERENT)


@pytest.mark.parametrize("key", [(location.host, "a|b", "a\\|b"), (location.cloud, "arn:", "arn:"), (location.cloud, "", ""), (location.package, "pkg:", "pkg:")])
def test_what_is_no_proper_name_is_kept(key):
    place, name, expected = key
    assert place(name).key.partition("||")[0] == expected


@pytest.mark.parametrize("form", [location.host_name, location.file_path])
@pytest.mark.parametrize("text", ["A.Example.COM.", "[2001:DB8::1]", "./a/../b//c", "\\\\share\\a", "bücher.example", "", ".", "..a", "x" * 300 + "ü"])
def test_a_form_is_its_own_form(form, text):
    assert form(form(text)) == form(text)

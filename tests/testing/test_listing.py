"""Listings: pages of any size make the whole, in both interfaces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.testing.gcs import BUCKET
from biomech_xr.testing.gcs.contents import Facts, MemoryContents
from biomech_xr.testing.gcs.objects import NO_CONDITIONS, Buckets

from .conftest import Raw

_NAMES = st.sets(st.text(alphabet="ab/ä", min_size=1, max_size=5), max_size=25)


@settings(max_examples=60, deadline=None)
@given(
    names=_NAMES, prefix=st.text(alphabet="ab/", max_size=2), delimiter=st.sampled_from(["", "/", "a"]), data=st.data()
)
def test_pages_of_any_size_make_the_whole_listing(
    names: set[str], prefix: str, delimiter: str, data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from(["", "a", "a/", "b"]))
    limit = data.draw(st.integers(1, 6))
    buckets = Buckets(MemoryContents())
    buckets.make_bucket(BUCKET)
    for name in names:
        buckets.put(BUCKET, Facts(name=name, size=0, crc32c=-1), [], NO_CONDITIONS)
    objects: list[str] = []
    prefixes: list[str] = []
    after, pages = "", 0
    while pages == 0 or after:
        page = buckets.listing(BUCKET, prefix=prefix, delimiter=delimiter, after=after, start=start, limit=limit)
        assert len(page.objects) + len(page.prefixes) <= limit
        objects += [facts.name for facts in page.objects]
        prefixes += page.prefixes
        after, pages = page.after, pages + 1
        assert pages < 100
    inside = sorted(name for name in names if name.startswith(prefix) and name >= start)
    cut = {name: name.find(delimiter, len(prefix)) if delimiter else -1 for name in inside}
    assert objects == [name for name in inside if cut[name] < 0]
    assert prefixes == sorted({name[: cut[name] + len(delimiter)] for name in inside if cut[name] >= 0})


def test_listings_over_the_wire_have_pages(raw: Raw) -> None:
    for number in range(7):
        raw.put(f"d/{number}", b"x")
    first = raw.list(prefix="d/", maxResults=3).json
    rest = raw.list(prefix="d/", pageToken=first["nextPageToken"], endOffset="d/6").json
    assert [item["name"] for item in first["items"] + rest["items"]] == [f"d/{number}" for number in range(6)]
    assert ("nextPageToken" in rest, raw.list(delimiter="/").json["prefixes"]) == (False, ["d/"])
    xml = raw("GET", f"/{BUCKET}", **{"list-type": "2", "max-keys": "6", "prefix": "d/"}).body.decode()
    token = xml.partition("<NextContinuationToken>")[2].partition("<")[0]
    more = raw("GET", f"/{BUCKET}", **{"list-type": "2", "continuation-token": token}).body.decode()
    assert (xml.count("<Key>"), more.count("<Key>"), "<IsTruncated>false" in more) == (6, 1, True)
    assert raw.list(pageToken="*").status == 400

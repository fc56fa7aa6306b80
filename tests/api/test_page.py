"""The web page as the API serves it: caching, packing, policy, and what it says when not built."""

import gzip
import os

import pytest

from query_api import page
from query_api.adapters.memory import memory_ports
from query_api.app import create_app

SCRIPT = b"const words = 'a script that is long enough to be worth packing, words and words';" * 9


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>GPUBroker</title>")
    (tmp_path / "assets" / "index-AbC1.js").write_bytes(SCRIPT)
    (tmp_path / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return tmp_path


@pytest.fixture
def client(folder):
    ports, _, _ = memory_ports()
    return create_app(ports, page_folder=folder).test_client()


@pytest.mark.parametrize("path", page.VIEWS)
async def test_each_view_is_the_same_document_asked_for_anew(client, path):
    reply = await client.get(path)
    assert reply.status_code == 200
    assert b"GPUBroker" in await reply.get_data()
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-cache"
    again = await client.get(path, headers={"If-None-Match": reply.headers["ETag"]})
    assert (again.status_code, await again.get_data()) == (304, b"")


async def test_hashed_names_are_kept_for_ever_and_packed_for_who_can_unpack(client):
    plain = await client.get("/assets/index-AbC1.js")
    packed = await client.get("/assets/index-AbC1.js", headers={"Accept-Encoding": "gzip, br"})
    assert plain.headers["Cache-Control"] == page.KEPT
    assert plain.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert await plain.get_data() == gzip.decompress(await packed.get_data()) == SCRIPT
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers


async def test_the_policy_allows_this_host_and_the_feeds_alone(client):
    policy = (await client.get("/")).headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    told = page.safety("ws://127.0.0.1:28050")["Content-Security-Policy"]
    assert "connect-src 'self' ws://127.0.0.1:28050;" in told


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/../index.html", "/nowhere", "/index"])
async def test_what_is_not_there_is_a_404_as_everywhere(client, path):
    reply = await client.get(path)
    assert (reply.status_code, (await reply.get_json(force=True))["code"]) == (404, "NOT_FOUND")


async def test_it_is_only_read(client):
    reply = await client.post("/tower")
    assert reply.status_code == 405
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD"}


async def test_what_is_there_stays_as_it_was(client):
    assert (await client.get("/openapi.json")).content_type == "application/json"
    assert b"GPUBroker API" in await (await client.get("/docs")).get_data()
    assert (await client.get("/health")).status_code == 200


async def test_a_page_that_is_not_built_says_how_to_build_it_and_appears_when_it_is(folder, client):
    index = (folder / "index.html").read_bytes()
    (folder / "index.html").unlink()
    missing = await client.get("/tower")
    assert (missing.status_code, await missing.get_data(as_text=True)) == (503, page.NOT_BUILT)
    (folder / "index.html").write_bytes(index)
    assert (await client.get("/tower")).status_code == 200


async def test_a_new_build_is_served_at_once(folder, client):
    before = (await client.get("/")).headers["ETag"]
    (folder / "index.html").write_text("<!doctype html><title>newer</title>")
    os.utime(folder / "index.html", ns=(1, 1))
    assert (await client.get("/")).headers["ETag"] != before

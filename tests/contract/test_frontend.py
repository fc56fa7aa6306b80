"""What the page has copies of is what this code says."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from query_api import json_body, page
from query_api.app import ENDPOINTS
from query_api.documentation import openapi
from udfs.pricing import Supply, spot_price_micros

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
BASES = (100, 150_000, 860_000, 2_400_000, 2_499_900, 999_999_900)
LEASED = ((0, 8), (1, 8), (3, 7), (50, 160), (90, 160), (160, 160), (33, 100))


@pytest.mark.parametrize("name", ["api.ts", "rules.ts"])
def test_generated_types_are_of_this_openapi_document(name):
    told = sha256(json_body.write(openapi(ENDPOINTS))).hexdigest()
    head = (FRONTEND / "src" / "generated" / name).read_text()[:300]
    assert f"sha256 of the document: {told}" in head, "run `make frontend-types`"


def test_the_page_computes_surge_prices_as_the_market_does():
    """The page's own tests read these vectors; here they are those of udfs/pricing.py."""
    vectors = [
        {
            "base": base,
            "allocated": allocated,
            "gpus": gpus,
            "spot": spot_price_micros(Supply(allocated, 0, gpus - allocated, gpus, base * gpus)),
        }
        for base in BASES
        for allocated, gpus in LEASED
    ]
    known = json.loads((FRONTEND / "test" / "surge-vectors.json").read_text())
    assert known == vectors


def test_the_api_serves_every_view_that_the_page_has():
    routes = (FRONTEND / "src" / "lib" / "routes.ts").read_text()
    paths = re.findall(r'path: "(/\w+)"', routes) + re.findall(r'LOGIN = "(/\w+)"', routes)
    assert {"/", *paths} == set(page.VIEWS)

"""Some minutes of a shop in fast time; `python -m bench.kiosk soak` runs two hours."""

from __future__ import annotations

from playwright.sync_api import Browser

from bench.kiosk.page import PERSON_ALONE, camera_script, scenes, shown
from bench.kiosk.soak import Soak
from tests.kiosk.screen.page.conftest import Kiosk

SHOP_S = 400

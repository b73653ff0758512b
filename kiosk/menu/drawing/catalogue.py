"""Which drawing belongs to which dish of the menu, and to which scene of the page."""

from collections.abc import Callable

from kiosk.menu.drawing import drinks, gimbap, noodles, rice, scenes, snacks, stall, tteokbokki
from kiosk.menu.drawing.picture import Picture

DISHES: dict[str, Callable[[], Picture]] = {
    "tteokbokki": tteokbokki.tteokbokki,
    "cheese-tteokbokki": tteokbokki.cheese_tteokbokki,
    "rose-tteokbokki": tteokbokki.rose_tteokbokki,
    "rabokki": tteokbokki.rabokki,
    "jjajang-tteokbokki": tteokbokki.jjajang_tteokbokki,
    "gimbap": gimbap.gimbap,
    "veggie-gimbap": gimbap.veggie_gimbap,
    "tuna-gimbap": gimbap.tuna_gimbap,
    "cheese-gimbap": gimbap.cheese_gimbap,
    "beef-gimbap": gimbap.beef_gimbap,
    "twigim": snacks.twigim,
    "kimari": snacks.kimari,
    "sundae": snacks.sundae,
    "eomuk": snacks.eomuk,
    "gun-mandu": snacks.gun_mandu,
    "jjin-mandu": snacks.jjin_mandu,
    "ramyeon": noodles.ramyeon,
    "cheese-ramyeon": noodles.cheese_ramyeon,
    "janchi-guksu": noodles.janchi_guksu,
    "bibim-guksu": noodles.bibim_guksu,
    "kal-guksu": noodles.kal_guksu,
    "udon": noodles.udon,
    "bibimbap": rice.bibimbap,
    "kimchi-bokkeumbap": rice.kimchi_bokkeumbap,
    "omurice": rice.omurice,
    "donkkaseu": rice.donkkaseu,
    "jeyuk-deopbap": rice.jeyuk_deopbap,
    "sikhye": drinks.sikhye,
    "cola": drinks.cola,
    "cider": drinks.cider,
    "water": drinks.water,
}

SCENES: dict[str, Callable[[], Picture]] = {
    "attract": stall.attract,
    "here": scenes.here,
    "away": scenes.away,
    "card": scenes.card,
    "counter": scenes.counter,
    "receipt": scenes.receipt,
}

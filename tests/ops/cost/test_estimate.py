"""`nunchi cost`: sums that a person can follow, prices for both regions, a formula that the simulation bears out."""

from __future__ import annotations

import json
import math
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from config.mode import Mode
from config.nunchi_toml import FILE_VARIABLE, Config, load
from config.opening_hours import Weekday, Window
from config.sections import AlarmSettings, HoursSettings, QueueSettings
from contracts.errors import SettingsError
from infra.compute.instance import DISK_GIB as DISK_OF_THE_STACK
from infra.training.training_instance import WITH_TRAINER, WITHOUT_TRAINER
from ops.__main__ import app
from ops.cost.demand import PHOTOS_A_SECOND, busiest_rate, group_for, instances_paid
from ops.cost.demand import DemandDay as DayOfPhotos
from ops.cost.estimate import DISK_GIB, FOR_ONE_SHOP, MONTH_DAYS, TRAINING_DISK_GIB, CostLine, choices, estimate
from ops.cost.prices import FILE, load_prices, regions

REPORT = Path(__file__).parents[3] / "docs" / "scaling" / "report.json"
QUEUE = Config.model_validate({"mode": "queue", "queue": {"least": 3, "most": 9, "warm_pool": 3}})


def lines(config: Config, *, shops: int = 1, photos_a_day: float = 300) -> dict[str, CostLine]:
    """The lines by their items."""
    reckoned = estimate(config, load_prices(config.region), shops=shops, photos_a_day=photos_a_day)
    return {line.item: line for line in reckoned.lines}


def usd(config: Config, *, shops: int = 1, photos_a_day: float = 300) -> float:
    return estimate(config, load_prices(config.region), shops=shops, photos_a_day=photos_a_day).usd


def test_an_instance_is_paid_for_by_its_running_hours() -> None:
    """12 hours, 10 minutes before and 5 after, every day: 85.75 hours a week, 372.9 a month, at 0.1008."""
    line = lines(Config())["inference, 1 × c7i.large"]
    assert line.quantity == pytest.approx(85.75 * 365.25 / 12 / 7)
    assert line.usd == pytest.approx(37.58, abs=0.005)


def test_a_closed_day_is_not_paid_for() -> None:
    hours = HoursSettings(windows=(Window.parse("08:00-20:00"),), days={Weekday.SUNDAY: ()})
    line = lines(Config(hours=hours))["inference, 1 × c7i.large"]
    assert line.quantity == pytest.approx(6 * 12.25 * MONTH_DAYS / 7)
    assert lines(Config(hours=hours))["Run Command"].quantity == pytest.approx(300 * 6 / 7 * MONTH_DAYS)


def test_a_shops_month_in_mode_command_by_hand() -> None:
    """9,131 photos of 150 KB a month, of which 21.8 % become pairs and 5 % of the others wait for a person."""
    by_item = lines(Config())
    photos = 300 * MONTH_DAYS
    assert {
        item: round(line.quantity, 4) for item, line in by_item.items() if line.part in ("storage", "messages")
    } == {
        "uploads, 7 days": round(300 * 7 * 150e3 / 1e9, 4),
        "results, 90 days": round(300 * 90 * 1e3 / 1e9, 4),
        "photos to review, 90 days": round(300 * 0.782 * 0.05 * 90 * 150e3 / 1e9, 4),
        "training pairs, after 12 months": round(photos * 0.218 * 12 * 150e3 / 1e9, 4),
        # 2.51 writes and 1 read a photo, and the sweeps' listings
        "access log, 90 days": round((300 * (2 + 2 * (0.218 + 0.0391) + 1) + 12.25 * 20 * 7) * 90 * 600 / 1e9, 4),
        "uploads, results, pairs written": round(photos * (2 + 2 * (0.218 + 0.0391)) / 1e3, 4),
        # 3 pages of 2,100 uploads and 2 of each kiosk's 1,050 results, each three minutes
        "sweeps' listings": round(12.25 * MONTH_DAYS * 20 * (3 + 2 * 2) / 1e3, 4),
        "photos read": round(photos / 1e3, 4),
        # an order a photo at most; 2 units for its marker, 4 for a count of up to 2 KB
        "orders counted": round(6 * photos / 1e6, 4),
        "upload queue": round(3 * photos / 1e6, 4),
        "upload queue, idle polls": round(5 * 3 * 60 * 24 * MONTH_DAYS / 1e6, 4),
        "dispatch Lambda, photos": round(photos / 1e6, 4),
        "dispatch Lambda, time": round(photos / 8, 4),
        "Run Command": round(photos, 4),
        "labels over MQTT": round(3 * photos / 1e6, 4),
        "connections of 2 kiosks": round(3 * 60 * 12.25 * MONTH_DAYS / 1e6, 4),
        "labels to the shops": round(photos * 4e3 / 1e9, 4),
    }


def test_mode_queue_has_a_group_with_its_stopped_instances_disks_and_no_lambda_on_the_way() -> None:
    by_item = lines(QUEUE, shops=1000)
    assert by_item["inference, 3 × c7i.large"].quantity == pytest.approx(3 * 12.25 * MONTH_DAYS)
    assert by_item["disks, 6 × 16 GiB"].usd == pytest.approx(6 * 16 * 0.0912)
    assert [item for item in by_item if "Lambda" in item or "Command" in item] == ["watch Lambda, time"]


def test_retraining_is_two_hours_every_sixty_days_four_of_five_on_spot() -> None:
    by_item = lines(Config())
    runs = MONTH_DAYS / 60
    assert by_item["g4dn.xlarge on Spot"].usd == pytest.approx(runs * 2 * 0.8 * 0.29)
    assert by_item["g4dn.xlarge on demand"].usd == pytest.approx(runs * 2 * 0.2 * 0.647)
    on_demand = Config.model_validate({"training": {"spot": False}})
    assert lines(on_demand)["g4dn.xlarge on demand"].usd == pytest.approx(runs * 2 * 0.647)


def test_heads_are_taught_in_an_hour_of_a_processor_for_cents() -> None:
    """No Spot price of that type is known, and none is above the price on demand."""
    by_item = lines(Config(recipe="mask"))
    runs = MONTH_DAYS / 60
    assert by_item["m7i-flex.large on Spot, at most"].usd == pytest.approx(runs * 0.8 * 0.11771)
    assert by_item["m7i-flex.large on demand"].usd == pytest.approx(runs * 0.2 * 0.11771)
    disk = 60 * 0.0912 / (24 * MONTH_DAYS)
    assert by_item["its disk and address"].usd == pytest.approx(runs * (disk + 0.005))
    retraining = [line.usd for line in by_item.values() if line.part == "retraining"]
    detectors = [line.usd for line in lines(Config()).values() if line.part == "retraining"]
    assert (round(sum(retraining), 2), round(sum(detectors), 2)) == (0.07, 0.39)


def test_a_type_of_unknown_price_is_named_for_spot_and_on_demand() -> None:
    config = Config.model_validate({"recipe": "mask", "training": {"instance_type": "r7i.large"}})
    notes = estimate(config, load_prices(config.region), shops=1, photos_a_day=300).notes
    assert [note.partition(":")[0].split(" of ")[1] for note in notes] == ["r7i.large on Spot", "r7i.large"]


def test_a_key_of_ones_own_costs_a_dollar_and_its_use() -> None:
    with_key = Config.model_validate({"security": {"kms": True}})
    assert usd(with_key) - usd(Config()) == pytest.approx(1 + 300 * MONTH_DAYS * 0.1 / 1e4 * 0.03)


@given(
    st.sampled_from([Config(), QUEUE]),
    st.integers(1, 6000),
    st.integers(0, 6000),
    st.floats(0, 2000),
    st.floats(0, 2000),
)
def test_more_shops_or_photos_never_cost_less(
    config: Config, shops: int, more_shops: int, photos: float, more_photos: float
) -> None:
    least = usd(config, shops=shops, photos_a_day=photos)
    assert usd(config, shops=shops + more_shops, photos_a_day=photos) >= least
    assert usd(config, shops=shops, photos_a_day=photos + more_photos) >= least


def test_the_sum_is_that_of_the_lines() -> None:
    assert usd(Config()) == pytest.approx(sum(line.usd for line in lines(Config()).values()))


@pytest.mark.parametrize("region", ["ap-northeast-2", "us-east-1"])
def test_every_price_is_known_for_both_regions_with_its_source_and_a_command_that_asks_aws(region: str) -> None:
    prices = load_prices(region)
    assert set(prices.by_name) == set(load_prices("us-east-1").by_name)
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for name, price in prices.by_name.items():
        assert price.usd > 0
        assert rows[name]["source"][region] in ("measured", "page")
        assert shlex.split(price.command(region))[:2] in (["aws", "pricing"], ["aws", "ec2"])
        assert region in price.command(region)


def test_a_region_without_prices_is_an_error_that_says_what_to_do() -> None:
    assert regions() == ["ap-northeast-2", "us-east-1"]
    with pytest.raises(SettingsError, match=r"prices of eu-west-1 are missing.* add a column to .*prices\.toml"):
        load_prices("eu-west-1")


def test_what_is_known_is_reckoned_when_the_price_of_a_type_is_not_and_what_is_missing_is_named() -> None:
    config = Config.model_validate({"inference": {"instance_type": "m6i.large"}})
    known = lines(Config())
    found = estimate(config, load_prices(config.region), shops=1, photos_a_day=300)
    assert found.usd == pytest.approx(usd(Config()) - known["inference, 1 × c7i.large"].usd)
    [note] = found.notes
    assert note == f"this total lacks 373 hours a month of m6i.large: look it up, and add [m6i_large] to {FILE}"


def test_one_shop_costs_much_the_same_in_both_modes_and_less_on_a_smaller_type() -> None:
    """Mode queue adds its tracking's alarms and metrics; it takes away dispatch and its idle polls."""
    found = {
        (one.instance_type, one.mode): one.usd for one in choices(Config(), load_prices("us-east-1"), photos_a_day=300)
    }
    for kind in FOR_ONE_SHOP:
        assert found[kind, Mode.QUEUE] == pytest.approx(found[kind, Mode.COMMAND], abs=3)
    by_price = sorted(FOR_ONE_SHOP, key=lambda kind: -found[kind, Mode.COMMAND])
    assert by_price == list(FOR_ONE_SHOP)


def test_the_comparison_names_a_type_that_it_can_not_price() -> None:
    config = Config.model_validate({"inference": {"instance_type": "m6i.large"}})
    first, *others = choices(config, load_prices(config.region), photos_a_day=300)
    assert (first.instance_type, math.isnan(first.usd)) == ("m6i.large", True)
    assert not any(math.isnan(one.usd) for one in others[1:])


def test_the_disk_is_that_of_the_stack() -> None:
    assert DISK_GIB == DISK_OF_THE_STACK
    assert {True: WITH_TRAINER.disk_gib, False: WITHOUT_TRAINER.disk_gib} == TRAINING_DISK_GIB


def test_a_group_too_small_for_its_shops_is_told_so_and_so_is_one_instance() -> None:
    def notes(config: Config, shops: int) -> tuple[str, ...]:
        rich = config.model_copy(update={"alarms": AlarmSettings(budget_usd=10_000)})
        return estimate(rich, load_prices(config.region), shops=shops, photos_a_day=300).notes

    assert notes(QUEUE, 1000) == ()
    assert notes(QUEUE, 5000) == (
        "[queue] least = 3 is too small for the busiest minute with one spare instance; docs/scaling.md recommends 8",
    )
    assert notes(Config(), 1) == ()
    assert notes(Config(), 1000) == (
        (
            "20 photos a second in the busiest minute are too many for one instance, which labels 20: "
            'set mode = "queue" and [queue] least = 3'
        ),
    )


def test_a_budget_that_is_less_than_the_estimate_is_told_so() -> None:
    config = Config(alarms=AlarmSettings(budget_usd=50))
    assert estimate(config, load_prices(config.region), shops=1, photos_a_day=300).notes == (
        "[alarms] budget_usd = 50 is below this estimate: its alarm would fire every month",
    )
    assert estimate(Config(), load_prices(config.region), shops=1, photos_a_day=300).notes == ()


# What the simulation bears out (docs/scaling.md).


def test_the_hours_of_a_recommended_group_are_the_simulated_ones_within_three_percent() -> None:
    """Its boots into the pool are the difference."""
    rows = [row for row in json.loads(REPORT.read_text())["sizes"] if row["day"] == "common"]
    assert len(rows) == 5
    for row in rows:
        reckoned = 12.25 * instances_paid(300 * row["shops"], least=row["least"], most=row["most"])
        assert reckoned == pytest.approx(row["instance_hours"][0], rel=0.03)


def test_the_hours_of_a_group_too_small_are_not_reckoned_too_low() -> None:
    [row] = [row for row in json.loads(REPORT.read_text())["leasts"] if (row["day"], row["least"]) == ("common", 1)]
    assert 12.25 * instances_paid(300_000, least=1, most=row["most"]) >= row["instance_hours"][0]


@given(st.floats(0, 24 * 3600), st.floats(0, 24 * 3600))
def test_the_share_of_a_days_photos_grows_from_none_to_all(one: float, other: float) -> None:
    day = DayOfPhotos()
    early, late = sorted((one, other))
    assert 0 <= day.share_until(early) <= day.share_until(late) + 1e-12 <= 1 + 2e-12
    assert day.share_until(day.open_s) == 0
    assert day.share_until(day.close_s) == pytest.approx(1)


def test_a_group_carries_the_busiest_minute_of_a_busy_day_with_one_instance_less() -> None:
    for shops in (1, 10, 100, 1000, 5000):
        size = group_for(shops)
        assert (size.least - 1) * PHOTOS_A_SECOND >= 1.3 * busiest_rate(300 * shops)
        QueueSettings(least=size.least, most=size.most, warm_pool=size.warm_pool)  # nunchi.toml would take it


# The command.


def run(*words: str, file: Path | None = None) -> Any:
    return CliRunner().invoke(app, ["cost", *words], env={FILE_VARIABLE: str(file) if file else ""})


def test_the_command_shows_each_line_and_their_sum() -> None:
    told = run()
    assert told.exit_code == 0
    assert "1 shop, 300 photos each on an open day, mode command, ap-northeast-2; prices of 2026-11-22" in told.output
    assert "inference, 1 × c7i.large" in told.output
    assert f"{usd(load()):,.2f}" in told.output.splitlines()[-1]


def test_for_programs_it_is_one_object_on_one_line() -> None:
    told = json.loads(run("--json", "--shops", "10", "--photos-a-day", "100").stdout)
    assert {name: told[name] for name in ("shops", "photos_a_day", "usd")} == {
        "shops": 10,
        "photos_a_day": 100.0,
        "usd": round(usd(load(), shops=10, photos_a_day=100), 2),
    }
    assert sum(line["usd"] for line in told["lines"]) == pytest.approx(told["usd"], abs=0.01)


def test_it_reckons_with_the_operators_file(tmp_path: Path) -> None:
    file = tmp_path / "nunchi.toml"
    file.write_text('region = "us-east-1"\nmode = "queue"\n')
    told = json.loads(run("--json", file=file).stdout)
    assert (told["region"], told["mode"], told["lines"][0]["unit_usd"]) == ("us-east-1", "queue", 0.08925)


def test_it_prints_the_commands_that_ask_aws_for_the_prices() -> None:
    output = run("--check").stdout.splitlines()
    assert len(output) == 2 * len(load_prices("ap-northeast-2").by_name)
    assert all(line.startswith("# ") for line in output[::2])
    assert all(line.startswith("aws ") for line in output[1::2])

"""Every number of the decision rule comes from its setting, in the policy's unit."""

from collections.abc import Callable

import pytest

from reid.domain.policy import Policy
from reid.errors import ConfigError
from reid.runtime.settings import Settings
from streams.policies import policies_of


def test_the_default_settings_are_the_default_policy(make_settings: Callable[..., Settings]):
    assert policies_of(make_settings()).of("global") == Policy()


def test_each_setting_arrives_in_milliseconds(make_settings: Callable[..., Settings]):
    settings = make_settings(
        similarity_threshold=0.7,
        margin=0.05,
        min_samples=4,
        max_samples=9,
        min_quality=0.5,
        max_templates=5,
        seen_interval=2.5,
        track_timeout=7.0,
        visit_gap=60.0,
        ttl_days=2,
    )
    policy = policies_of(settings).of("any")
    assert (policy.threshold, policy.margin) == (0.7, 0.05)
    assert (policy.min_samples, policy.max_samples, policy.max_templates) == (4, 9, 5)
    assert policy.min_quality == 0.5
    assert (policy.seen_interval, policy.track_timeout, policy.visit_gap) == (2500, 7000, 60_000)
    assert policy.ttl == 2 * 86_400_000


def test_thresholds_of_single_sites_and_cameras(make_settings: Callable[..., Settings]):
    settings = make_settings(site_thresholds={"annex": 0.8}, camera_thresholds={"room1": 0.65})
    policies = policies_of(settings)
    assert policies.of("annex").threshold_at("room2") == 0.8
    assert policies.of("annex").threshold_at("room1") == 0.65
    assert policies.of("global").threshold_at("room2") == 0.6


def test_days_time_zones_and_those_of_single_sites(make_settings: Callable[..., Settings]):
    settings = make_settings(
        days="same_day",
        day_strictness=0.2,
        day_start_hour=5.5,
        time_zone="Europe/Berlin",
        site_days={"annex": "multi_day"},
        site_time_zones={"annex": "Asia/Tokyo", "depot": "UTC"},
        site_thresholds={"annex": 0.7},
    )
    policies = policies_of(settings)
    here, annex, depot = (policies.of(site) for site in ("global", "annex", "depot"))
    assert (here.days, here.day_strictness, here.day_starts) == ("same_day", 0.2, 19_800_000)
    assert {seconds for _, seconds in here.utc_offsets} == {3600, 7200}
    assert (annex.days, annex.utc_offsets, annex.threshold) == ("multi_day", ((0, 9 * 3600),), 0.7)
    assert (depot.days, depot.utc_offsets, depot.threshold) == ("same_day", ((0, 0),), 0.6)


def test_a_time_zone_that_does_not_exist_is_named(make_settings: Callable[..., Settings]):
    with pytest.raises(ConfigError, match="no time zone 'Mars/Base'"):
        policies_of(make_settings(time_zone="Mars/Base"))


def test_a_zone_has_its_sites_rule_unless_it_has_one_of_its_own(make_settings: Callable[..., Settings]):
    policies = policies_of(make_settings(site_thresholds={"hall": 0.8, "hall/east": 0.7}))
    assert policies.of("hall/west").threshold == 0.8
    assert policies.of("hall/east").threshold == 0.7
    assert policies.of("yard/west").threshold == 0.6


def test_a_zone_that_could_be_no_part_of_an_id_is_refused(make_settings: Callable[..., Settings]):
    assert make_settings(zones={"room1": "west"}).zones == {"room1": "west"}
    with pytest.raises(ValueError, match="zone of camera room1 'a/b'"):
        make_settings(zones={"room1": "a/b"})

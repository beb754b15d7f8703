"""The token buckets: never above the quota, slower after a throttle, and back again."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.clouds.pace import Bucket, Pacer, Quota, Stopped, sending_while


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def bucket(rate: float, burst: float = 1.0) -> tuple[Bucket, Time]:
    time = Time()
    return Bucket(Quota(rate, burst), time, time.sleep), time


def test_a_burst_goes_at_once_and_what_follows_waits_for_its_token() -> None:
    paced, time = bucket(rate=5, burst=3)
    assert [paced.take() for _ in range(3)] == [0, 0, 0]
    assert paced.take() == pytest.approx(0.2)
    assert paced.take() == pytest.approx(0.2)
    assert time.now == pytest.approx(0.4)


@given(
    rate=st.floats(0.5, 100),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 3), max_size=60),
)
def test_no_stretch_of_time_sees_more_calls_than_the_burst_and_the_rate_allow(
    rate: float, burst: int, pauses: list[float]
) -> None:
    paced, time = bucket(rate, burst)
    sent = []
    for pause in pauses:
        time.now += pause
        paced.take()
        sent.append(time.now)
    for start in range(len(sent)):
        for end in range(start, len(sent)):
            assert end - start + 1 <= burst + rate * (sent[end] - sent[start]) + 1e-6


def test_a_storm_of_throttles_halves_the_rate_once_and_good_answers_bring_it_back_to_the_quota() -> None:
    paced, time = bucket(rate=8)
    for _ in range(10):
        paced.throttled()
    assert paced.rate == 4
    time.now += 1
    paced.throttled()
    assert paced.rate == 2
    rates = []
    for _ in range(40):
        paced.answered()
        rates.append(paced.rate)
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(2.4)  # a twentieth of the quota each time
    assert rates[-1] == 8


@given(
    steps=st.lists(st.tuples(st.sampled_from(["take", "throttled", "answered"]), st.floats(0, 2)), max_size=80),
    burst=st.integers(1, 5),
)
def test_whatever_was_throttled_before_no_stretch_of_time_sees_more_calls_than_the_quota_allows(
    steps: list[tuple[str, float]], burst: int
) -> None:
    # Callers wait side by side: the clock is the test's own, and a wait is only noted.
    time, waits = Time(), [0.0]
    paced = Bucket(Quota(5, burst), time, waits.append)
    sent = []
    for step, pause in steps:
        time.now += pause
        if step == "take":
            sent.append(time.now + paced.take())
        elif step == "throttled":
            paced.throttled()
        else:
            paced.answered()
    assert sent == sorted(sent)
    for start in range(len(sent)):
        for end in range(start, len(sent)):
            assert end - start + 1 <= burst + 5 * (sent[end] - sent[start]) + 1e-6


def test_seconds_that_passed_at_a_low_rate_bring_no_tokens_of_a_higher_one() -> None:
    paced, time = bucket(rate=8, burst=4)
    for _ in range(4):
        paced.take()
    for _ in range(3):
        paced.throttled()
        time.now += 0.5
    assert paced.rate == 1
    # By now half a token has come, the rest of it at the new rate of 1.4 per second.
    paced.answered()
    assert paced.take() == pytest.approx(0.5 / 1.4)


def test_throttles_never_stop_a_bucket_for_good() -> None:
    paced, time = bucket(rate=3)
    for _ in range(100):
        time.now += 1
        paced.throttled()
    assert paced.rate > 0
    assert paced.take() < 60


def test_all_workers_of_a_place_share_one_bucket_and_another_place_has_its_own() -> None:
    pacer = Pacer()
    found: list[Bucket] = []

    def ask() -> None:
        found.append(pacer.bucket(("111122223333", "eu-west-1", "tag"), Quota(15)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1
    assert pacer.bucket(("111122223333", "us-east-1", "tag"), Quota(15)) is not found[0]


def test_workers_together_send_no_faster_than_the_quota() -> None:
    pacer = Pacer()
    shared = pacer.bucket("family", Quota(rate=200, burst=1))

    def work() -> None:
        for _ in range(5):
            shared.take()

    threads = [threading.Thread(target=work) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first of twenty calls goes at once, and each of the others a two-hundredth of a second after the one before.
    assert time.monotonic() - began >= 19 / 200


def test_nothing_is_sent_after_the_run_was_ended() -> None:
    pacer = Pacer()
    pacer.check()
    pacer.stop()
    with pytest.raises(Stopped):
        pacer.check()


def test_nothing_is_sent_while_whoever_started_it_forbids_it_and_other_threads_go_on() -> None:
    pacer = Pacer()
    allowed = True
    others: list[str] = []

    def other() -> None:
        pacer.check()
        others.append("went on")

    with sending_while(lambda: allowed):
        pacer.check()
        with sending_while(lambda: True):
            allowed = False
            with pytest.raises(Stopped):
                pacer.check()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(Stopped):
            pacer.check()
    pacer.check()
    assert others == ["went on"]

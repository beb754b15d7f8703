"""Metrics as Prometheus reads them, and what is made of them: alerts and a dashboard."""

import json
import re
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from costguard.model.night import Night
from costguard.reports.metrics import METRICS, PushError, exposition, push
from tests.conftest import ROOT, absent
from tests.nightly.build import night
from tests.reports.samples import HOSTILE

EXAMPLES = ROOT / "examples"


def promtool(*arguments: str, given: bytes | None = None) -> None:
    program = shutil.which("promtool")
    if program is None:
        absent("promtool", "promtool isn't installed: it is in Debian's package prometheus")
    done = subprocess.run([program, *arguments], input=given, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def samples(made: Night) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a reader of OpenMetrics that isn't ours finds."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition(made).decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def test_the_metrics_say_what_the_night_found() -> None:
    found = samples(night(60))
    assert found["costguard_noncompliant_spend_ratio", ()] == pytest.approx(0.2)
    assert found["costguard_untagged_spend_ratio", ()] == pytest.approx(0.1)
    assert found["costguard_spend", (("currency", "USD"), ("kind", "total"))] == 240_000
    assert found["costguard_slo_budget_left_ratio", ()] == pytest.approx(-3)
    assert found["costguard_slo_burn_rate", (("window", "long"),)] == 4
    assert found["costguard_slo_window_seconds", (("window", "long"),)] == 30 * 86_400
    assert found["costguard_account_noncompliant_spend_ratio", (("account", "100000000000"),)] == pytest.approx(3 / 8)
    assert found["costguard_owner_spend", (("currency", "USD"), ("owner", ""))] == 62_000
    assert found["costguard_resources", (("status", "violating"),)] == 60
    assert found["costguard_reconciler_changes", (("outcome", "written"),)] == 12
    assert found["costguard_planned_resources", (("decision", "patch"),)] == 30
    assert found["costguard_gaps", ()] == 1
    assert found["costguard_night_complete", ()] == 0
    # The night before was the last good one.
    assert found["costguard_night_last_good_timestamp_seconds", ()] == 1_795_395_600
    assert found["costguard_night_last_run_timestamp_seconds", ()] == 1_795_395_600 + 86_400


def test_every_metric_that_is_promised_is_there_and_no_other() -> None:
    names = {name for name, _ in samples(timed(night(60)))}
    assert names == METRICS.keys()


def timed(made: Night) -> Night:
    began, ended = "2026-11-24T01:00:00+00:00", "2026-11-24T01:01:30+00:00"
    return msgspec.structs.replace(
        made, stages=tuple(msgspec.structs.replace(one, began=began, ended=ended) for one in made.stages)
    )


def test_a_night_of_which_little_is_known_claims_nothing() -> None:
    names = {name for name, _ in samples(night(more=False))}
    assert names == {
        "costguard_gaps",
        "costguard_night_complete",
        "costguard_night_stage",
        "costguard_night_last_run_timestamp_seconds",
        "costguard_night_last_good_timestamp_seconds",
    }


@pytest.mark.parametrize("text", [*HOSTILE, '"} 1\ncostguard_gaps 7'])
def test_a_hostile_owner_is_a_label_and_nothing_more(text: str) -> None:
    made = night(5)
    assert made.spend is not None
    shares = tuple(msgspec.structs.replace(one, value=text) for one in made.spend.showback["owner"][:1])
    spend = msgspec.structs.replace(made.spend, showback={"owner": shares})
    found = samples(msgspec.structs.replace(made, spend=spend))
    owners = [dict(labels)["owner"] for name, labels in found if name == "costguard_owner_spend"]
    assert owners == [text.encode("utf-8", "backslashreplace").decode()]
    assert found["costguard_gaps", ()] == 1


def test_promtool_finds_nothing_to_say_of_the_metrics() -> None:
    promtool("check", "metrics", given=exposition(timed(night(60))))


def test_promtool_runs_the_alerts_through_their_tests() -> None:
    promtool("check", "rules", str(EXAMPLES / "prometheus" / "alerts.yaml"))
    promtool("test", "rules", str(EXAMPLES / "prometheus" / "alerts_test.yaml"))


def expressions() -> list[str]:
    board = json.loads((EXAMPLES / "grafana" / "costguard.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("file", ["grafana/costguard.json", "prometheus/alerts.yaml"])
def test_what_is_asked_for_is_there(file: str) -> None:
    """Each metric and each label that the dashboard and the alerts ask for is one that a night has."""
    text = (EXAMPLES / file).read_text()
    asked = set(re.findall(r"costguard_[a-z_]+", text))
    assert asked
    assert asked <= METRICS.keys()
    for name, labels in re.findall(r"(costguard_[a-z_]+)\{([^{}]+)\}", text.replace('\\"', '"')):
        assert set(re.findall(r"([a-z]+)=", labels)) <= set(METRICS[name][1]), name


def test_the_dashboard_is_one_that_grafana_reads(tmp_path: Path) -> None:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

    raw = json.loads((EXAMPLES / "grafana" / "costguard.json").read_text())
    board = Dashboard.from_json(raw)
    assert board.title == "Tagging as an SLO"
    assert board.panels is not None
    panels = [one for one in board.panels if isinstance(one, Panel)]
    assert len(panels) == len(raw["panels"])
    assert len({one.id_val for one in panels}) == len(panels)
    places = [(one.grid_pos.x, one.grid_pos.y, one.grid_pos.w, one.grid_pos.h) for one in panels if one.grid_pos]
    cells = [(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)]
    assert len(set(cells)) == len(cells), "no panel lies on another"
    assert max(x for x, _ in cells) < 24
    # Prometheus' own parser reads every expression.
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    file = tmp_path / "panels.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file))


class Gateway(ThreadingHTTPServer):
    """A Pushgateway, as far as its interface is documented: PUT /metrics/job/NAME."""

    def __init__(self, status: int = 200) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.authorized: list[str | None] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.got.append((self.command, self.path, body))
                gateway.authorized.append(self.headers["Authorization"])
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as serving:
        yield serving
        serving.shutdown()


def test_a_push_puts_the_night_in_the_place_of_the_one_before(gateway: Gateway) -> None:
    push(night(5), gateway.url)
    ((method, path, body),) = gateway.got
    assert (method, path) == ("PUT", "/metrics/job/costguard")
    assert b"costguard_gaps 1.0" in body


def test_who_pushes_is_said_as_http_has_it(gateway: Gateway) -> None:
    push(night(5), gateway.url.replace("http://", "http://me:s%20ecret@"))
    assert gateway.authorized == ["Basic " + b64encode(b"me:s ecret").decode()]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://me:secret@127.0.0.1:1", r"127\.0\.0\.1 can't be reached \(Connection refused\)"),
        ("ftp://me:secret@127.0.0.1", "address is not http:// or https://"),
        ("secret", "address is not http:// or https://"),
    ],
)
def test_a_push_that_fails_says_why_and_tells_no_secret(url: str, why: str) -> None:
    with pytest.raises(PushError, match=why) as caught:
        push(night(5), url)
    assert "secret" not in str(caught.value)


def test_a_gateway_that_refuses_is_quoted() -> None:
    with Gateway(500) as refusing:
        with pytest.raises(PushError, match=r"127\.0\.0\.1 answered 500"):
            push(night(5), refusing.url)
        refusing.shutdown()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one job: which figures, tables and sentences, in which order.

Owns what is said of a job. Pure: text and figures in, HTML and figures out; tags are `markup`'s, looks `charts`'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from . import charts, figures, gantt, markup, report, report_data, wording
from .figures import Figure
from .markup import Html
from .model import Job, Limits, Outcome
from .recorded import Gauge, Gauges, mean
from .report_data import Outlier, Rates, Share
from .snapshot import Snapshot
from .timeline import Failure, Said, Timeline

TOLD_OUTLIERS = 20


def page(job: Job, timeline: Timeline, seen: Gauges, snapshot: Snapshot | None) -> tuple[Html, dict[str, Figure]]:
    """Return the body of the page and its figures by name."""
    unit = figures.scale(timeline.duration)
    shown, size = report_data.bars(timeline)
    rates = report_data.rates(timeline)
    apart = report_data.outliers(timeline)
    shares = report_data.shares(timeline)
    drawn: dict[str, Figure | None] = {}
    if timeline.lanes:
        overview, _ = report_data.bars(timeline, report_data.OVERVIEW_BARS)
        drawn["timeline"] = gantt.gantt(timeline, shown, overview, unit)
    if rates:
        drawn["rate"] = charts.rate(timeline, rates, unit)
    drawn["machine"] = charts.machine(timeline, seen, unit)
    if len(timeline.frames):
        drawn["times"] = charts.times(timeline, report_data.dots(timeline), apart)
        drawn["shares"] = charts.where_it_went(timeline.cards, shares)
    made = {name: figure for name, figure in drawn.items() if figure}
    body = markup.join(
        [
            _head(job, timeline, snapshot),
            _tiles(job, timeline, seen, rates),
            markup.note("What limits it:", timeline.bottleneck or (snapshot.bottleneck if snapshot else "")),
            markup.note("Auto:", timeline.decisions[-1].words if timeline.decisions else ""),
            _timeline(made, size),
            _rate(made, rates),
            _shares(made, timeline, shares, seen),
            _machine(made, timeline),
            _times(made, timeline, apart),
            _failures(timeline.failures),
            _decisions(timeline.decisions),
            _messages(timeline),
            _settings(job),
            _foot(timeline, snapshot),
        ]
    )
    return body, made


def _head(job: Job, timeline: Timeline, snapshot: Snapshot | None) -> Html:
    if timeline.audit:
        outcome = report.OUTCOMES.get(Outcome(timeline.outcome), "") if timeline.outcome in [*Outcome] else ""
        said = timeline.audit if timeline.outcome == Outcome.COMPLETE else f"{outcome}. {timeline.audit}"
        mood = "good" if timeline.outcome == Outcome.COMPLETE else "bad"
    else:
        said, mood = f"Not ended when this was written. {report.overall(snapshot) if snapshot else ''}", ""
    counts = Counter(device.name for device in job.devices)
    devices = wording.names([f"{n} × {name}" if n > 1 else name for name, n in counts.items()])
    under = f"{job.created[:16].replace('T', ' ')} · {job.blender.words} · {job.engine.capitalize()} on {devices}"
    return markup.head(job.name, said, mood, under)


def _tiles(job: Job, timeline: Timeline, seen: Gauges, rates: Rates | None) -> Html:
    done = len(timeline.in_place)
    found = f"{timeline.found:,} were there already" if timeline.found else ""
    parts = [markup.tile("Frames rendered", f"{done:,}", found)]
    if timeline.duration:
        workers = f"{wording.count(timeline.workers, 'worker')} on {wording.count(len(job.devices), 'device')}"
        parts.append(markup.tile("Time", wording.duration(timeline.duration), workers))
        parts.append(markup.tile("Rate", wording.rate(done / timeline.duration), "loading included"))
    if rates and len(timeline.lanes) > 1 and (gain := report_data.speed_up(timeline)):
        cards = f"{wording.count(len(timeline.cards), 'card')}, against one worker alone on one"
        of = cards if rates.alone else f"{wording.count(len(timeline.lanes), 'worker')}, against one of them"
        parts.append(markup.tile("Speed-up", f"{gain:.1f} ×", of))
    begin = min((span.begin for span in timeline.alive), default=0.0)
    gauges = [seen.load.get(pci, Gauge()) for card in timeline.cards for pci in card.pci]
    loads = [value for gauge in gauges for at, value in zip(gauge.at, gauge.value, strict=True) if at >= begin]
    if loads:
        parts.append(markup.tile("GPUs busy", f"{mean(loads):.0f} %", "a kernel ran, from the first frame on"))
    return markup.tiles(parts)


def _timeline(drawn: dict[str, Figure], size: int) -> Html:
    if "timeline" not in drawn:
        return markup.section("Timeline", markup.paragraph("No worker was started."))
    words = "One lane per worker, cards apart; what is empty is idle. Drag to zoom, double-click for all of it."
    if "overview" in drawn["timeline"]:
        words += " The whole shows several frames in one bar; zoomed in, each has its own."
    if size > 1:
        words += f" There are too many frames for that: even then one bar stands for up to {size:,} of them."
    return markup.section("Timeline", markup.paragraph(words), markup.figure("timeline"))


def _rate(drawn: dict[str, Figure], rates: Rates | None) -> Html:
    if rates is None:
        return Html("")
    words = (
        "The ideal is what all workers of that moment would do, each at the pace that one had while it was alone on its "
        "card."
        if rates.alone
        else "No worker was alone on its card, so the ideal is each one's own pace without the gaps between its frames: "
        "what sharing a card costs is not in it."
    )
    words += " Frames that cost more than the median lower the rate, not the ideal."
    return markup.section("Frames per second against the ideal", markup.paragraph(words), markup.figure("rate"))


def _shares(drawn: dict[str, Figure], timeline: Timeline, shares: Sequence[Share], seen: Gauges) -> Html:
    if "shares" not in drawn:
        return Html("")
    head = ["Card", "Frames", "Median frame", "Evaluate", "Sync", "Render", "Write", "GPU load", "Most VRAM"]
    rows = [_share_row(timeline, share, seen) for share in shares]
    table = markup.table(head, rows, numbers=range(1, len(head)))
    words = "Phases are means of one frame in one worker; the load is the driver's."
    return markup.section("Where the time went", markup.figure("shares"), markup.paragraph(words), table)


def _share_row(timeline: Timeline, share: Share, seen: Gauges) -> list[str]:
    card = timeline.cards[share.card]
    phases = [wording.duration(part / share.frames) if share.frames else "–" for part in share.phases]
    load = [value for pci in card.pci for value in seen.load.get(pci, Gauge()).value]
    used = max((value for pci in card.pci for value in seen.vram.get(pci, Gauge()).value), default=0.0)
    total = max((seen.vram_total.get(pci, 0.0) for pci in card.pci), default=0.0)
    vram = f"{wording.size(used)} of {wording.size(total)}" if used and total else wording.size(used) if used else "–"
    usual = wording.duration(share.median) if share.frames else "–"
    return [card.name, f"{share.frames:,}", usual, *phases, f"{mean(load):.0f} %" if load else "–", vram]


def _machine(drawn: dict[str, Figure], timeline: Timeline) -> Html:
    if "machine" not in drawn:
        words = (
            "No figures of the machine were kept: the job was over before the first look, or psutil is not installed."
        )
        return markup.section("Machine", markup.paragraph(words)) if timeline.lanes else Html("")
    return markup.section("Machine", markup.figure("machine"))


def _times(drawn: dict[str, Figure], timeline: Timeline, apart: Sequence[Outlier]) -> Html:
    if "times" not in drawn:
        return Html("")
    frames = timeline.frames
    rows = []
    for one in apart[:TOLD_OUTLIERS]:
        lane = timeline.lanes[frames.lane[one.index]]
        why = ", one of the worker's first" if one.warming else ""
        times = f"{one.times:.1f} ×"
        rows.append([str(frames.number[one.index]), lane.name, wording.duration(one.seconds), times, one.phase + why])
    head = ["Frame", "On", "Seconds", "Neighbours' median", "Mostly in"]
    table = markup.table(head, rows, numbers=(0, 2, 3)) if rows else Html("")
    few = f"{wording.count(len(apart), 'frame') if apart else 'No frame'} took more than {report_data.OUTLIER:g} × as long as those around it"
    words = f"{few}{', the worst of them:' if len(apart) > TOLD_OUTLIERS else '.'}"
    return markup.section("Frame times", markup.figure("times"), markup.paragraph(words), table)


def _failures(failures: Sequence[Failure]) -> Html:
    if not failures:
        return markup.section("Failures and retries", markup.paragraph("None."))
    rows = [
        [wording.clock(one.at), one.what, "" if one.frame is None else str(one.frame), one.where, one.words]
        for one in failures
    ]
    head = ["At", "What", "Frame", "On", "Words"]
    return markup.section("Failures and retries", markup.table(head, rows, numbers=(0, 2)))


def _decisions(said: Sequence[Said]) -> Html:
    rows = [[wording.clock(one.at), one.kind, one.words, one.figures] for one in said]
    head = ["At", "Decision", "Words", "Figures"]
    return markup.section("Auto's decisions", markup.table(head, rows, numbers=(0,)) if rows else Html(""))


def _messages(timeline: Timeline) -> Html:
    told = {one.words for one in timeline.decisions}  # these stand in a table of their own
    rows = [[wording.clock(one.at), one.kind, one.words] for one in timeline.messages if one.words not in told]
    return markup.section("Messages", markup.table(["At", "Kind", "Words"], rows, numbers=(0,)) if rows else Html(""))


def _settings(job: Job) -> Html:
    usual = Limits()
    limits = [
        f"{name} {getattr(job.limits, name):g}"
        for name in Limits.__dataclass_fields__
        if getattr(job.limits, name) != getattr(usual, name)
    ]
    pairs = [
        ("Job", job.id),
        ("File", job.home or job.blend),
        ("Scene", job.scene),
        ("Frames", job.frames),
        ("Output", job.output),
        ("Blender", f"{job.blender.words}, {job.blender.path}"),
        ("Devices", "; ".join(f"{d.name} ({d.backend}{', ' + d.pci if d.pci else ''})" for d in job.devices)),
        ("Strategy", f"{job.strategy}, {wording.count(job.per_device, 'worker')} per device to begin with"),
        ("CPU threads", f"{job.threads} per worker" if job.threads else "the card's part of the cores"),
        ("Order", f"{job.order}{', one after another' if job.in_order else ''}"),
        ("Overwrite", "yes" if job.overwrite else "no"),
        ("Persistent data", job.persistent_data),
        ("Test render", _test(job)),
        ("Movie", job.movie),
        ("Blender's settings", "clean" if job.factory else "the user's own"),
        ("Tries again", str(job.retries)),
        ("If a frame does not fit", " and ".join(job.last_resort) or "it is given up"),
        ("Workers start afresh", f"after {wording.count(job.recycle, 'frame')}" if job.recycle else "when they must"),
        ("Deadlines changed", ", ".join(limits)),
    ]
    return markup.section("Settings", markup.facts(pairs))


def _test(job: Job) -> str:
    size = [f"{job.resolution} % of the size"] if job.resolution else []
    return ", ".join([*size, *([f"{job.samples:g} % of the samples"] if job.samples else [])])


def _foot(timeline: Timeline, snapshot: Snapshot | None) -> Html:
    runs = 1 + sum(stretch.resumed for stretch in timeline.clock.stretches)
    said = [f"Times count from the first worker's start{f'; the job ran {runs} times' if runs > 1 else ''}."]
    said += [f"Written with the job's state of {snapshot.updated}."] if snapshot and snapshot.updated else []
    said += (
        [f"{timeline.left_out:,} more failures, decisions and messages are in the journal."]
        if timeline.left_out
        else []
    )
    return markup.foot(" ".join(said))

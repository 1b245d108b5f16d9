"""One generated answer as a row: outcome by operator, and what stands beside it."""

from __future__ import annotations

from kedit.lm.reading import Reads
from kedit.verification.controls import GATED, Arm
from kedit.verification.items import Item
from kedit.verification.outcomes import Outcome, SwapRow, classify
from kedit.verification.setting import Setting


def reads_of(setting: Setting, item: Item) -> Reads:
    """As what an item's answer is read: the target's and, for `stuck`, the old one."""
    reads: Reads = ((item.target, setting.ontology.values(item.target, item.subject)),)
    if item.source and item.source != item.target and item.source in setting.matchers:
        reads += ((item.source, item.prompt.answers),)
    return reads


def make_row(setting: Setting, item: Item, arm: Arm, text: str, fired: bool, strength: float, named: bool) -> SwapRow:
    """What became of one answer."""
    matcher, accepted = setting.matchers[item.target], setting.ontology.values(item.target, item.subject)
    gate = fired or arm.control not in GATED
    result = outcome(setting, item, text, gate)
    modal = setting.knowledge.modal.get((item.subject, item.target))
    suppressed = item.edit.op == "suppress"
    return SwapRow(
        prompt_id=item.prompt.id,
        subject=item.subject,
        carrier=item.prompt.carrier,
        source=item.source,
        target=item.target,
        quadrant=item.quadrant,
        strength=strength,
        control=arm.control,
        text=text,
        outcome=result,
        exact=result == "hit" if suppressed else matcher.exact(text, accepted),
        gate=gate,
        pair_trained=(item.source, item.target) in setting.trained_pairs,
        answer_seen=setting.answer_seen(item.target, accepted),
        known=item.known,
        lenient=result == "hit" if suppressed else matcher.lenient(text, accepted),
        behavioural=None if suppressed or modal is None else matcher.hit(text, modal.values),
        edit=item.edit.id if named else "",
    )


def outcome(setting: Setting, item: Item, text: str, fired: bool) -> Outcome:
    """Outcome by operator; everywhere `hit` is success.

    swap: as `classify` says. suppress: hit = the known answer is gone, whatever came instead; stuck = it is still given.
    amplify, set: hit = an accepted answer of the slot's relation; there is no old answer to be stuck with.
    """
    matcher, accepted = setting.matchers[item.target], setting.ontology.values(item.target, item.subject)
    if item.edit.op == "suppress":
        return "stuck" if matcher.hit(text, accepted) or not fired else "hit"
    old = setting.matchers.get(item.source) if item.edit.op == "swap" else None
    return classify(text, target=matcher, accepted=accepted, source=old, old=item.prompt.answers, fired=fired)

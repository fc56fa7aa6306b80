"""The codec beside bare fastavro, on records of orders that trade.

    python -m tests.bench --only codec

Bare is what fastavro does with the whole schema of a topic; the codec adds Confluent's framing, and
to decoding the bounds of every field. Bytes and records are compared.
"""

import io
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import fastavro

from schemas import codec as codecs
from schemas import contract
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from tests.bench.report import Section, in_turns
from tests.builders import ALICE, BOB, BOOK, ask, bid
from udfs.matching import MACHINE

Record = dict[str, Any]
PLACED, COPIED = "an order placed (command)", "a trade's copy to an account (command)"
CREATED, MATCHED = "an order created (fact)", "a trade (fact)"


def records(orders: int) -> dict[str, tuple[str, list[Record]]]:
    """Topic and records by what they are: of orders every second of which trades at once."""
    book = MACHINE.empty(BOOK)
    told: dict[str, tuple[str, list[Record]]] = {
        PLACED: (BOOKS_COMMANDS, []),
        CREATED: (FACT_TOPICS["order_created"], []),
        MATCHED: (FACT_TOPICS["order_matched"], []),
        COPIED: (ACCOUNTS_COMMANDS, []),
    }
    names = {"order_created": CREATED, "order_matched": MATCHED}
    for number in range(orders):
        place, account = ((ask, ALICE), (bid, BOB))[number % 2]
        sent = place(account, str(number), 1, 2_000_000)
        told[PLACED][1].append(sent)
        step = MACHINE.apply(book, sent, 1_790_000_000_000 + number)
        for kind, fact in step.facts:
            told[names[kind]][1].append(dict(fact))
        told[COPIED][1].extend(dict(record) for _, _, record in step.commands)
    return told


def measure(quick: bool) -> Section:
    """Each kind of record, both ways."""
    orders, rounds = (100, 1) if quick else (4_000, 7)
    codec = codecs.offline()
    section = Section(
        title="Codec",
        text=(
            "Records of orders that trade, encoded and decoded on one core, beside fastavro alone"
            " with the topic's whole schema. The codec also frames; its decoder judges the bounds"
            " of each field. In the same run the bytes were compared, but for the framing, and the"
            f" records decoded from them. Median of {rounds} rounds in turns."
        ),
        packages=("fastavro",),
        head=["record", "µs encoded", "bare", "ratio", "µs decoded", "bare", "ratio"],
        rows=[],
    )
    for name, (topic, each) in records(orders).items():
        schema = codecs.parsed(contract.expanded(contract.topics()[topic].record))
        kinds: dict[str, Callable[[Any], bytes]] = {
            "encoded": codec.encoder(topic),
            "encoded bare": partial(_written, schema),
        }
        data = {kind: [encode(record) for record in each] for kind, encode in kinds.items()}
        decoders: dict[str, Callable[[bytes], Any]] = {
            "decoded": codec.decoder(topic),
            "decoded bare": partial(_read, schema),
        }
        framing = len(codec.framing(topic))
        if [body[framing:] for body in data["encoded"]] != data["encoded bare"]:
            section.unequal.append(f"bytes of {name}")
        inputs = dict(zip(decoders, data.values(), strict=True))
        read = [[decode(body) for body in inputs[kind]] for kind, decode in decoders.items()]
        if read[0] != read[1]:
            section.unequal.append(f"records of {name}")
        turns = {kind: partial(_micros, do, each) for kind, do in kinds.items()}
        turns |= {kind: partial(_micros, do, inputs[kind]) for kind, do in decoders.items()}
        micros = {kind: median for kind, (median, _) in in_turns(turns, rounds).items()}
        section.figures |= {f"{name}, {kind}, µs": took for kind, took in micros.items()}
        section.rows.append([name, *_cells(*list(micros.values())[:2])])
        section.rows[-1] += _cells(*list(micros.values())[2:])
    return section


def _cells(ours: float, bare: float) -> list[str]:
    return [f"{ours:.2f}", f"{bare:.2f}", f"{ours / bare:.2f}"]


def _micros(do: Callable[[Any], Any], inputs: Sequence[Any]) -> float:
    """Microseconds of CPU an input."""
    began = time.process_time()
    for each in inputs:
        do(each)
    return (time.process_time() - began) * 1e6 / len(inputs)


def _written(schema: Any, record: Record) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, record)
    return buffer.getvalue()


def _read(schema: Any, data: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(data), schema, None)

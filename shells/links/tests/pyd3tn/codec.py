"""Reads bundles as pyD3TN does, and has it make bundles: one JSON object on each line of input and
of output."""

import json
import sys

from pyd3tn.bundle7 import BlockType, Bundle, BundleProcFlag, CRCType, create_bundle7


def private(number):
    """A type of block that RFC 9171 leaves for private use; pyD3TN has names for the others only."""
    block_type = int.__new__(BlockType, number)
    block_type._name_, block_type._value_ = f"PRIVATE_{number}", number
    return block_type


BlockType._missing_ = classmethod(
    lambda _, number: private(number) if isinstance(number, int) and 192 <= number <= 255 else None
)


def read(data):
    bundle = Bundle.parse(data)
    primary = bundle.primary_block
    # It leaves looking at the check sums to whoever calls it.
    for block in bundle:
        if block.crc_type != CRCType.NONE:
            assert block.crc_provided == block.calculate_crc(), "check sum"
    assert bytes(Bundle.parse(bytes(bundle))) == bytes(bundle)
    return {
        "source": str(primary.source),
        "destination": str(primary.destination),
        "report_to": str(primary.report_to),
        "time": primary.creation_time[0],
        "sequence": primary.creation_time[1],
        "lifetime": primary.lifetime,
        "is_fragment": bundle.is_fragmented,
        "offset": primary.fragment_offset,
        "total": primary.total_payload_length,
        "blocks": [int(block.block_type) for block in bundle.blocks],
        "payload": bundle.payload_block.data.hex(),
        "again": bytes(bundle).hex(),
    }


def make(wanted):
    is_fragment = wanted["offset"] is not None
    bundle = create_bundle7(
        wanted["source"],
        wanted["destination"],
        bytes.fromhex(wanted["payload"]),
        crc_type_primary=CRCType(wanted["crc"]),
        crc_type_canonical=CRCType(wanted["crc"]),
        # Seconds since 1970, as it wants them.
        creation_timestamp=wanted["time"],
        sequence_number=wanted["sequence"],
        lifetime=wanted["lifetime"],
        flags=BundleProcFlag.IS_FRAGMENT if is_fragment else BundleProcFlag.NONE,
        fragment_offset=wanted["offset"],
        total_adu_length=wanted["total"],
        hop_limit=wanted["hop_limit"],
    )
    return {"bundle": bytes(bundle).hex()}


for line in sys.stdin:
    asked = json.loads(line)
    if "read" in asked:
        print(json.dumps(read(bytes.fromhex(asked["read"]))))
    else:
        print(json.dumps(make(asked["make"])))

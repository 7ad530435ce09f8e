"""What the keys of a contract mean here: those that Tidemark acts on, and those that it keeps for people to read.

The names are the standard's (ODCS v3.2); a key is called by its model in the standard's package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Meaning:
    """What a key says; `acts`: something is compiled from it. `example`: what may stand behind it."""

    text: str
    acts: bool = False
    example: Any = None


_ACTS: Mapping[str, tuple[str, Any]] = {
    "OpenDataContractStandard.apiVersion": ("The version of the standard.", "v3.2.0"),
    "OpenDataContractStandard.kind": ("What kind of document it is.", "DataContract"),
    "OpenDataContractStandard.id": ("The table, by layer and name, as its file is called.", "bronze.web_returns"),
    "OpenDataContractStandard.version": ("The contract's version; it is kept with every rejected row.", "1.0.0"),
    "OpenDataContractStandard.tags": ("Words by which the table is selected (`--select tag:crm`).", ["crm"]),
    "OpenDataContractStandard.team": (
        "Who answers for the table: `name` is its owner.",
        {"name": "sales-data"},
    ),
    "OpenDataContractStandard.description": ("What the table is for.", {"purpose": "Returns of the web shop."}),
    "OpenDataContractStandard.schema": ("The table: a list of exactly one.", None),
    "OpenDataContractStandard.slaProperties": (
        "What is promised of the table; `freshness`, `latency` (of a load) and `throughput` (rows a day) are watched.",
        [{"property": "freshness", "value": 26, "unit": "h", "element": "updated_at"}],
    ),
    "OpenDataContractStandard.slaDefaultElement": ("The column of promises that name none.", "updated_at"),
    "Team.name": ("The owner.", "sales-data"),
    "Description.purpose": ("What the table is for; its description where the schema has none.", "One row per return."),
    "ServiceLevelAgreementProperty.property": (
        "What is promised: `freshness`, `latency` or `throughput`; others are kept for people.",
        "freshness",
    ),
    "ServiceLevelAgreementProperty.value": ("How old the newest value may be.", 26),
    "ServiceLevelAgreementProperty.unit": ("Hours, days or minutes: `h`, `d`, `min`; without a word hours.", "h"),
    "ServiceLevelAgreementProperty.element": ("The column that says how new a row is.", "updated_at"),
    "ServiceLevelAgreementProperty.customProperties": (
        "`severity`: `warning` alerts, `error` fails the gate; without a word `warning`.",
        [{"property": "severity", "value": "error"}],
    ),
    "SchemaObject.name": ("The table's name, as its file is called.", "web_returns"),
    "SchemaObject.description": ("What the table is; it goes into the DDL.", "Returns of the web shop."),
    "SchemaObject.tags": ("More tags.", ["orders"]),
    "SchemaObject.properties": ("The columns, in their order.", None),
    "SchemaObject.quality": (
        "Checks of the table, which its gate runs before anything is committed.",
        [{"metric": "rowCount", "mustBeGreaterThan": 0, "severity": "warning"}],
    ),
    "SchemaProperty.name": ("The column's name: lower-case letters, digits and `_`.", "order_id"),
    "SchemaProperty.logicalType": (
        "What its values are: `string`, `integer`, `number`, `boolean`, `date`, `timestamp`; `array` and `object` are "
        "kept as JSON text.",
        "number",
    ),
    "SchemaProperty.physicalType": (
        "The type in the lake, as Spark writes it. Without a word that of the logical type; `number` needs one.",
        "decimal(18,2)",
    ),
    "SchemaProperty.logicalTypeOptions": (
        "Rules that each value keeps; a row that breaks one goes to the error lane. Texts: `pattern`, `minLength`, "
        "`maxLength`, `format` (`email`, `uuid`). Numbers, dates and timestamps: `minimum`, `maximum`, "
        "`exclusiveMinimum`, `exclusiveMaximum`. Timestamps: `defaultTimezone`, the zone of times without an offset.",
        {"pattern": "^RET-[0-9]{6}$"},
    ),
    "SchemaProperty.required": ("Whether a row without a value goes to the error lane.", True),
    "SchemaProperty.unique": ("Whether the gate checks that no value is there twice.", True),
    "SchemaProperty.primaryKey": ("Whether it is part of the key that tells rows apart; needs `required`.", True),
    "SchemaProperty.primaryKeyPosition": ("Where in the key it stands, from 1 on.", 1),
    "SchemaProperty.enum": ("The values that there are; another goes to the error lane.", [{"value": "placed"}]),
    "SchemaProperty.classification": (
        "How sensitive it is. All but `public` and `internal` mark personal data, which gold shows only masked.",
        "personal",
    ),
    "SchemaProperty.customProperties": (
        "`mask` (`email`, `phone`, `name`, `postcode`, `hmac`, `sha256`, `month`, `year`, `redact`) says how gold "
        "shows it; `maskPeople`, how many people must share what it leaves; `personalException`, why it may be shown; "
        "`erasure` (`delete`, `clear`, `{replaceBy: …}`), what becomes of a row that names an erased person in it.",
        [{"property": "mask", "value": "email"}],
    ),
    "SchemaProperty.relationships": (
        "The columns of other tables whose values these are: a person is found by them.",
        [{"to": "customers.contract.yaml#schema/customers/properties/customer_id"}],
    ),
    "Relationship.to": (
        "A column, by the file of its contract, seen from this one.",
        "customers.contract.yaml#schema/customers/properties/customer_id",
    ),
    "SchemaProperty.description": ("What the column is; it goes into the DDL.", "What the customer paid back."),
    "SchemaProperty.quality": ("Checks of this column.", [{"metric": "nullValues", "mustBe": 0}]),
    "EnumValue.value": ("A value that there is.", "placed"),
    "CustomProperty.property": ("The name of a property of Tidemark's own, or of yours.", "mask"),
    "CustomProperty.value": ("What it says.", "email"),
    "DataQuality.type": (
        "`library` (a metric), `sql` (a query that gives one number), `custom` (SodaCL), or `text`, for people alone.",
        "sql",
    ),
    "DataQuality.name": ("What a person reads when it fails.", "no order without a line"),
    "DataQuality.severity": ("`error` fails the gate, `warning` alerts.", "warning"),
    "DataQuality.metric": (
        "`nullValues`, `missingValues`, `invalidValues`, `duplicateValues` or `rowCount`.",
        "duplicateValues",
    ),
    "DataQuality.arguments": (
        "What the metric looks at: `properties`, `missingValues`, `validValues`, `pattern`.",
        {"properties": ["order_id", "line_number"]},
    ),
    "DataQuality.unit": ("Whether the number is one of `rows`, or `percent` of all.", "percent"),
    "DataQuality.query": (
        "One SELECT that gives one number; `{object}` is the table, others go by their names: as the run will leave "
        "them, but for those computed from the table or of a later layer, which are as they are committed.",
        "SELECT count(*) FROM {object} WHERE refund < 0",
    ),
    "DataQuality.engine": ("Of a `custom` check: `soda`.", "soda"),
    "DataQuality.implementation": ("Of a `custom` check: SodaCL.", "avg(refund) between 1 and 500"),
    "DataQuality.mustBe": ("What the number must be.", 0),
    "DataQuality.mustNotBe": ("What it must not be.", 0),
    "DataQuality.mustBeGreaterThan": ("What it must be above.", 0),
    "DataQuality.mustBeGreaterOrEqualTo": ("What it must be at least.", 1),
    "DataQuality.mustBeLessThan": ("What it must be below.", 100),
    "DataQuality.mustBeLessOrEqualTo": ("What it must be at most.", 100),
    "DataQuality.mustBeBetween": ("Two numbers that it lies between, both included.", [1, 100]),
    "DataQuality.mustNotBeBetween": ("Two numbers that it must not lie between.", [1, 100]),
}

REFUSED: Mapping[str, str] = {
    "SchemaProperty.properties": "Refused: an object is kept as JSON text, whose inside is not checked.",
    "SchemaProperty.items": "Refused: an array is kept as JSON text, whose items are not checked.",
    "SchemaProperty.map": "Refused: give every entry a column of its own.",
    "SchemaProperty.physicalName": "Refused: names of the source go to `source.fields` in the load file.",
    "SchemaProperty.partitioned": "Refused: write `partition_by` in the load file.",
}
"""Keys of the standard that say something here which is said elsewhere."""

_FOR_PEOPLE: Mapping[str, str] = {
    "access": "What the role may do.",
    "answer": "What the question has as its answer.",
    "authoritativeDefinitions": "Links to what defines it.",
    "businessImpact": "What happens where it fails.",
    "businessName": "What people call it.",
    "channel": "Where help is found.",
    "constraint": "What one has to know to use the data.",
    "constraints": "What one has to know to use the data.",
    "context": "What a machine that writes queries has to know.",
    "contractCreatedTs": "When the contract was made.",
    "criticalDataElement": "Whether much hangs on it.",
    "customProperties": "Properties of your own.",
    "dataGranularityDescription": "What one row is.",
    "dataProduct": "The data product that it belongs to.",
    "dateIn": "Since when somebody is in the team.",
    "dateOut": "Until when somebody was in the team.",
    "deprecated": "Whether nobody should begin to use it.",
    "description": "What it is, in words.",
    "dimension": "What kind of quality it is.",
    "domain": "The domain that it belongs to.",
    "driver": "Why it is promised.",
    "encryptedName": "The column with the encrypted values.",
    "environment": "The environment of the server.",
    "examples": "Some values.",
    "firstLevelApprovers": "Who lets people have the role first.",
    "from": "The columns that refer to others.",
    "id": "A name that stays when others change.",
    "instructions": "What a machine that writes queries has to know.",
    "invitationUrl": "Where one is let in.",
    "key": "The type of a map's keys.",
    "label": "What people call the value.",
    "limitations": "What it is not good for.",
    "locale": "The language of the word.",
    "logicalType": "What it is: an object.",
    "members": "The people of the team.",
    "method": "How it is checked.",
    "name": "What it is called.",
    "partitionKeyPosition": "Where in a partition's key it stands; layout is the load file's.",
    "physicalName": "What it is called in the system.",
    "physicalType": "What it is in the system: a table.",
    "price": "What it costs.",
    "priceAmount": "How much it costs.",
    "priceCurrency": "In which currency.",
    "priceUnit": "For how much of it.",
    "question": "A question that the data answers.",
    "relationships": "The columns of other tables that it refers to.",
    "replacedByUsername": "Who came instead.",
    "role": "What somebody is, or what a role is called.",
    "roles": "What people may be let do.",
    "rule": "The metric, by its older name: write `metric`.",
    "schedule": "When it is to be checked; here it is with every run.",
    "scheduler": "What checks it; here it is the run.",
    "scope": "What the channel is for.",
    "secondLevelApprovers": "Who lets people have the role then.",
    "semanticType": "The part that the column has in a model of the data.",
    "server": "What the server is called.",
    "servers": "Where the data lies; here the environment's file says it.",
    "source": "Where the word comes from.",
    "status": "Whether it is a draft, active or going.",
    "support": "Where help is found.",
    "synonym": "Another word for it.",
    "synonyms": "Other words for it.",
    "tags": "Words to find it by.",
    "tenant": "Who the data belongs to.",
    "to": "The columns that are referred to.",
    "tool": "What the channel is in.",
    "transformDescription": "How it is computed, in words; the query says it.",
    "transformLogic": "How it is computed; the query says it.",
    "transformSourceObjects": "What it is computed from; the query says it.",
    "type": "What kind it is.",
    "url": "Where it is found.",
    "usage": "How it is meant to be used.",
    "username": "Who it is.",
    "value": "The type of a map's values.",
    "valueExt": "More of what is promised.",
    "vendor": "Whose property it is.",
    "verifiedStatements": "Questions with their answers.",
}
_OF_SERVERS = "How a server is reached; here the environment's file says it."


def meaning(model: str, key: str) -> Meaning | None:
    """What a key of a model of the standard means here; None for one that nobody has thought of."""
    name = f"{model}.{key}"
    if name in _ACTS:
        text, example = _ACTS[name]
        return Meaning(text, acts=True, example=example)
    if name in REFUSED:
        return Meaning(REFUSED[name])
    if key in _FOR_PEOPLE:
        return Meaning(_FOR_PEOPLE[key])
    return Meaning(_OF_SERVERS) if model == "Server" else None

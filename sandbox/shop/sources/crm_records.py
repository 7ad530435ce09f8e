"""What happens to accounts, contacts and opportunities, and how their records can be broken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from sandbox.shop.chance import Weighted
from sandbox.shop.clock import DAY, Clock, day_of
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.names import COMPANY_FORMS, COUNTRIES, INDUSTRIES, MAIL_DOMAINS, TITLES
from sandbox.shop.rates import nominal
from sandbox.shop.schema import ACCOUNT, CONTACT, OPPORTUNITY
from sandbox.shop.sources.crm import CrmObject, Moment, as_json_number, is_sound, turns_after
from sandbox.shop.sources.customers import Customers, customer_id

_TIERS = Weighted({"bronze": 45, "silver": 30, "gold": 18, "platinum": 7})
_MARKETS = {country.code: country for country in COUNTRIES}
_MARKET_CODES = Weighted({country.code: country.weight for country in COUNTRIES})
_OPEN_STAGES = ("prospecting", "qualified", "proposal", "negotiation")
_PROBABILITY = {"prospecting": 10, "qualified": 25, "proposal": 50, "negotiation": 75, "won": 100, "lost": 0}


def open_crm(seed: int, scale: float, clock: Clock, customers: Customers, first_day: int) -> dict[str, CrmObject]:
    """The CRM's objects by name."""
    stories = _Stories(clock, customers)
    accounts = CrmObject(
        seed, clock, ACCOUNT, ACCOUNT_SPOILER, stories.account,
        opening=1050 * scale, joining=5 * scale, first_day=first_day, relapses=False,
    )  # fmt: skip
    stories.accounts = accounts
    contacts = CrmObject(
        seed, clock, CONTACT, CONTACT_SPOILER, stories.contact,
        opening=4400 * scale, joining=20 * scale, first_day=first_day, relapses=True,
    )  # fmt: skip
    opportunities = CrmObject(
        seed, clock, OPPORTUNITY, OPPORTUNITY_SPOILER, stories.opportunity,
        opening=2100 * scale, joining=30 * scale, first_day=first_day, relapses=True,
    )  # fmt: skip
    return {ACCOUNT.name: accounts, CONTACT.name: contacts, OPPORTUNITY.name: opportunities}


class _Stories:
    """The lives of records; contacts and opportunities belong to `accounts`."""

    accounts: CrmObject

    def __init__(self, clock: Clock, customers: Customers) -> None:
        self._clock = clock
        self._customers = customers

    def account(self, rng: Random, index: int, born: int) -> Iterator[Moment]:
        """An account changes tier, name, owner, revenue or country; some are deleted, some of these restored."""
        market = _MARKETS[_MARKET_CODES.pick(rng)]
        name = f"{rng.choice(market.last_names)} {rng.choice(COMPANY_FORMS)}"
        industry = rng.choice(INDUSTRIES) if rng.random() > 0.1 else None
        tier = _TIERS.pick(rng)
        owner = _owner(rng)
        revenue = as_json_number(rng, rng.randint(5_000_000, 2_000_000_000)) if rng.random() > 0.1 else None
        country: str | None = market.code if rng.random() > 0.05 else None
        created = self._clock.iso(born - rng.randint(0, 1500 * DAY))
        record = f"ACC-{index + 1:05d}"

        def moment(at: int, deleted: bool = False) -> Moment:
            return Moment(at, (record, name, industry, tier, owner, revenue, country, created), deleted)

        yield moment(born)
        for at in turns_after(rng, born, 0.02):
            luck = rng.random()
            if luck < 0.4:
                tier = _TIERS.pick(rng)
            elif luck < 0.5:
                name = f"{name} Group" if len(name) < 60 else f" {name.split()[0]} "
            elif luck < 0.65:
                owner = _owner(rng)
            elif luck < 0.8:
                revenue = as_json_number(rng, rng.randint(5_000_000, 2_000_000_000))
            elif luck < 0.88:
                country = _MARKET_CODES.pick(rng)
            elif luck > 0.94:
                yield moment(at, deleted=True)
                if rng.random() > 0.5:
                    return
                at += rng.randint(DAY // 4, 5 * DAY)
            yield moment(at)

    def contact(self, rng: Random, index: int, born: int) -> Iterator[Moment]:
        """A contact is a person at an account, nearly half of them a customer too."""
        market = _MARKETS[_MARKET_CODES.pick(rng)]
        record = f"CON-{index + 1:06d}"
        account = self._account_id(rng, born)
        customer = self._customer_id(rng, born) if rng.random() < 0.45 else None
        first = rng.choice(market.first_names) if rng.random() > 0.05 else None
        last = rng.choice(market.last_names)
        email = _contact_email(rng, last, index)
        phone = f"{market.dial} {rng.randint(100_000, 99_999_999)}" if rng.random() > 0.2 else None
        title = rng.choice(TITLES) if rng.random() > 0.15 else None
        opted_out = rng.random() < 0.2

        def moment(at: int, deleted: bool = False) -> Moment:
            return Moment(at, (record, account, customer, first, last, email, phone, title, opted_out), deleted)

        yield moment(born)
        for at in turns_after(rng, born, 0.012):
            luck = rng.random()
            if luck < 0.3:
                opted_out = not opted_out
            elif luck < 0.5:
                email = _contact_email(rng, last, index)
            elif luck < 0.65:
                title = rng.choice(TITLES)
            elif luck < 0.75:
                account = self._account_id(rng, at)
            elif luck < 0.85:
                customer = self._customer_id(rng, at)
            elif luck > 0.95:
                yield moment(at, deleted=True)
                if rng.random() > 0.4:
                    return
                at += rng.randint(DAY // 4, 5 * DAY)
            yield moment(at)

    def opportunity(self, rng: Random, index: int, born: int) -> Iterator[Moment]:
        """An opportunity climbs its stages until it is won or lost."""
        market = _MARKETS[_MARKET_CODES.pick(rng)]
        record = f"OPP-{index + 1:06d}"
        account = self._account_id(rng, born)
        name = f"{rng.choice(('Order', 'Renewal', 'Großauftrag', 'Réassort', '追加'))} {index + 1}"
        stage = rng.choice((*_OPEN_STAGES, "won", "lost")) if born < 0 else "prospecting"
        cents = int(rng.lognormvariate(9.2, 0.9) * nominal(market.currency)) * 100 + rng.choice((0, 0, 50, 99))
        amount = as_json_number(rng, cents) if rng.random() > 0.04 else None
        close = self._close_date(rng, born)

        def moment(at: int, deleted: bool = False) -> Moment:
            chance = _PROBABILITY[stage] if rng.random() < 0.7 else str(_PROBABILITY[stage])
            probability = None if rng.random() < 0.03 else chance
            return Moment(at, (record, account, name, stage, amount, market.currency, probability, close), deleted)

        yield moment(born)
        for at in turns_after(rng, born, 0.09):
            if stage not in _OPEN_STAGES:
                return
            luck = rng.random()
            if luck < 0.55:
                step = _OPEN_STAGES.index(stage) + 1
                stage = _OPEN_STAGES[step] if step < len(_OPEN_STAGES) else rng.choice(("won", "won", "lost"))
            elif luck < 0.65:
                stage = "lost"
            elif luck < 0.8:
                amount = as_json_number(rng, int(cents * rng.uniform(0.7, 1.5)))
            elif luck < 0.9:
                close = self._close_date(rng, at)
            elif luck > 0.98:
                yield moment(at, deleted=True)
                if rng.random() > 0.4:
                    return
                at += rng.randint(DAY // 4, 5 * DAY)
            yield moment(at)

    def _account_id(self, rng: Random, moment: int) -> str:
        """A sound account that exists by the end of the moment's day."""
        while True:
            index = int(rng.random() ** 1.6 * self.accounts.known(day_of(moment) - 1))
            if is_sound(index):
                return f"ACC-{index + 1:05d}"

    def _customer_id(self, rng: Random, moment: int) -> str:
        return customer_id(int(rng.random() * self._customers.known(day_of(moment) - 1)))

    def _close_date(self, rng: Random, moment: int) -> str | None:
        luck = rng.random()
        if luck < 0.06:
            return "9999-12-31" if luck < 0.035 else None if luck < 0.055 else "0001-01-01"
        return (self._clock.date(day_of(moment)) + timedelta(days=rng.randint(5, 200))).isoformat()


def _owner(rng: Random) -> str | None:
    name = rng.choice(("kim", "Sam.Ortega", "PAT", "löwe", "noor", "alex"))
    return f"{name}@tidemark.example" if rng.random() > 0.06 else None


def _contact_email(rng: Random, last: str, index: int) -> str:
    local = "".join(sign for sign in last if sign.isalnum())
    return f"{local}.{index + 1}{rng.choice('abc')}@{rng.choice(MAIL_DOMAINS)}"


_MODSTAMPED = (
    Flaw("IsDeleted", "is_deleted.required", becomes(None)),
    Flaw("IsDeleted", "is_deleted.type", becomes("maybe", "gelöscht")),
)

ACCOUNT_SPOILER = Spoiler(
    (column.name for column in ACCOUNT.columns),
    (
        Flaw("Id", "account_id.pattern", turns(lambda value: value.replace("ACC-", "001"))),
        Flaw("Name", "account_name.required", becomes(None)),
        Flaw("Tier__c", "tier.enum", becomes("diamond", "Gold", "")),
        Flaw("Tier__c", "tier.required", becomes(None)),
        Flaw("OwnerEmail__c", "owner_email.format", becomes("kim", "kim at tidemark.example", "@tidemark.example")),
        Flaw("AnnualRevenue", "annual_revenue.minimum", becomes(-1, "-250000.00")),
        Flaw("AnnualRevenue", "annual_revenue.type", becomes("lots", "1,5 Mio", "12345678901234567.00")),
        Flaw("BillingCountryCode", "country.pattern", becomes("Deutschland", "us", "U")),
        Flaw("CreatedDate", "created_at.required", becomes(None)),
        Flaw("CreatedDate", "created_at.type", becomes("last spring", "2025-02-30T00:00:00.000Z")),
        *_MODSTAMPED,
    ),
)
"""Breaks accounts."""

CONTACT_SPOILER = Spoiler(
    (column.name for column in CONTACT.columns),
    (
        Flaw("Id", "contact_id.pattern", turns(lambda value: value.replace("CON-", "003"))),
        Flaw("AccountId", "account_id.pattern", becomes("ACC-1", "")),
        Flaw("AccountId", "account_id.required", becomes(None)),
        Flaw("CustomerId__c", "customer_id.pattern", becomes("unknown", "CUST-12345")),
        Flaw("LastName", "last_name.required", becomes(None)),
        Flaw("Email", "email.required", becomes(None)),
        Flaw("Email", "email.format", becomes("n/a", "a b@example.com", "mail@localhost")),
        Flaw("HasOptedOutOfEmail", "opted_out.required", becomes(None)),
        Flaw("HasOptedOutOfEmail", "opted_out.type", becomes("perhaps")),
        *_MODSTAMPED,
    ),
)
"""Breaks contacts."""

OPPORTUNITY_SPOILER = Spoiler(
    (column.name for column in OPPORTUNITY.columns),
    (
        Flaw("Id", "opportunity_id.pattern", turns(lambda value: value.replace("OPP-", "006"))),
        Flaw("AccountId", "account_id.required", becomes(None)),
        Flaw("AccountId", "account_id.pattern", becomes("acc-00001")),
        Flaw("Name", "opportunity_name.required", becomes(None)),
        Flaw("StageName", "stage.enum", becomes("Closed Won", "open", "")),
        Flaw("Amount", "amount.minimum", becomes(-0.01, "-5000.00")),
        Flaw("Amount", "amount.type", becomes("tbd", "1e400x")),
        Flaw("CurrencyIsoCode", "currency.enum", becomes("EURO", "usd", "XAU")),
        Flaw("CurrencyIsoCode", "currency.required", becomes(None)),
        Flaw("Probability", "probability.maximum", becomes(101, "250")),
        Flaw("Probability", "probability.minimum", becomes(-1)),
        Flaw("Probability", "probability.type", becomes("high", "½")),
        Flaw("CloseDate", "close_date.type", becomes("Q3", "2025-06-31")),
        *_MODSTAMPED,
    ),
)
"""Breaks opportunities."""

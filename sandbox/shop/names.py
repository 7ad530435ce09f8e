"""Names of people, places and things, from many scripts: accents, CJK, Arabic, Hebrew, emoji, combining marks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """A market: how its people are named, where they live, what they pay with and how often they buy (`weight`)."""

    code: str
    currency: str
    weight: float
    dial: str
    postal: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_EAST_STREETS = ("中央通り", "桜町", "人民路", "세종대로", "南京西路")
_ENGLISH_STREETS = ("High Street", "Station Road", "Church Lane", "Mill Road", "Queen's Walk", "The Crescent")

COUNTRIES = (
    Country(
        "DE", "EUR", 24, "+49", "#####",
        _words("Anna Jürgen Lena Max Sören Käthe Björn Mia Paul Ünal Heidi Günther"),
        _words("Müller Schmidt Weiß Groß Jäger Köhler Becker Öztürk Schäfer Vogt"),
        ("Berlin", "München", "Köln", "Hamburg", "Görlitz", "Leipzig"),
        ("Hauptstraße", "Goethestraße", "Am Römerhof", "Bahnhofstraße", "Lindenallee"),
    ),
    Country(
        "FR", "EUR", 13, "+33", "#####",
        _words("Élodie François Hélène Jérôme Zoë Noël Amélie Léo Chloé Gaëtan"),
        _words("Dupont Lefèvre D'Artagnan Garçon Benoît Moreau Château Çelik Rousseau"),
        ("Paris", "Lyon", "Besançon", "Nîmes", "Saint-Étienne", "L'Haÿ-les-Roses"),
        ("Rue de l'Église", "Avenue Foch", "Boulevard Saint-Michel", "Place d'Armes"),
    ),
    Country(
        "US", "USD", 14, "+1", "#####",
        _words("Emma Liam Olivia Noah Ava Jackson Siobhán Renée José Quinn"),
        _words("Smith Johnson O'Neill García McDonald Washington Nguyen Lee Brown Müller"),
        ("New York", "Los Angeles", "Coeur d'Alene", "San José", "Chicago", "St. Louis"),
        ("Main Street", "5th Avenue", "Martin Luther King Jr. Blvd", "Elm Street"),
    ),
    Country(
        "GB", "GBP", 12, "+44", "?? ##??",
        _words("Oliver Amelia Harry Isla Zoë Niamh Seán Ffion Callum Beyoncé"),
        _words("O'Brien Taylor Smythe-Jones Davies Patel MacLeod Wright Khan Brontë"),
        ("London", "Leeds", "Stoke-on-Trent", "King's Lynn", "Cardiff", "Edinburgh"),
        _ENGLISH_STREETS,
    ),
    Country(
        "JP", "JPY", 6, "+81", "###-####",
        _words("太郎 花子 さくら 健 結衣 大翔 陽菜 蓮"),
        _words("佐藤 鈴木 高橋 田中 渡辺 伊藤 山本"),
        ("東京", "大阪", "京都", "札幌", "福岡"),
        _EAST_STREETS,
    ),
    Country(
        "CH", "CHF", 5, "+41", "####",
        _words("Urs Reto Noémie Luca Beatrice Jörg Céline"),
        _words("Bünzli Zürcher Favre Rossi Meier Wüthrich"),
        ("Zürich", "Genève", "Basel", "Neuchâtel"),
        ("Bahnhofstrasse", "Rue du Rhône", "Via Nassa", "Rämistrasse"),
    ),
    Country(
        "SE", "SEK", 4, "+46", "### ##",
        _words("Åsa Björn Märta Östen Linnéa Sven Göran"),
        _words("Åkesson Öberg Lindström Sjögren Ängström Nilsson"),
        ("Stockholm", "Göteborg", "Malmö", "Växjö"),
        ("Drottninggatan", "Kungsgatan", "Åsögatan"),
    ),
    Country(
        "NO", "NOK", 3, "+47", "####",
        _words("Øyvind Åse Kåre Ingrid Bjørn Solveig"),
        _words("Sørensen Bråten Ødegård Hansen Nordahl"),
        ("Oslo", "Tromsø", "Ålesund", "Bergen"),
        ("Karl Johans gate", "Storgata", "Bryggegaten"),
    ),
    Country(
        "DK", "DKK", 3, "+45", "####",
        _words("Søren Mette Jørgen Freja Åge Ærlig"),
        _words("Nørgaard Kjær Østergaard Jensen Møller"),
        ("København", "Århus", "Ærøskøbing", "Odense"),
        ("Strøget", "Nørrebrogade", "Vesterbrogade"),
    ),
    Country(
        "PL", "PLN", 4, "+48", "##-###",
        _words("Łukasz Małgorzata Żaneta Paweł Świętosława Zbigniew"),
        _words("Kowalski Wiśniewska Wójcik Żółć Dąbrowski Gżegżółka"),
        ("Warszawa", "Łódź", "Kraków", "Gdańsk"),
        ("ul. Świętokrzyska", "ul. Długa", "al. Jerozolimskie"),
    ),
    Country(
        "CZ", "CZK", 3, "+420", "### ##",
        _words("Jiří Žofie Řehoř Tereza Ondřej Anežka"),
        _words("Dvořák Nováková Šťastný Říha Čapek"),
        ("Praha", "Brno", "Plzeň", "České Budějovice"),
        ("Václavské náměstí", "Dlouhá", "Údolní"),
    ),
    Country(
        "CA", "CAD", 4, "+1", "?#? #?#",
        _words("Wyatt Chantal Étienne Priya Ji-woo Océane"),
        _words("Tremblay Singh Côté MacKenzie Gagné Chen"),
        ("Toronto", "Montréal", "Trois-Rivières", "Vancouver"),
        ("Rue Sainte-Catherine", "Yonge Street", "Rideau Street"),
    ),
    Country(
        "AU", "AUD", 3, "+61", "####",
        _words("Jack Matilda Bruce Sheila Nguyễn Mia"),
        _words("O'Connor Kelly Wang Irwin Papadopoulos"),
        ("Sydney", "Wagga Wagga", "Melbourne", "Perth"),
        _ENGLISH_STREETS,
    ),
    Country(
        "IL", "USD", 1, "+972", "#######",
        _words("נועה דוד יעל שרה אברהם"),
        _words("כהן לוי מזרחי ביטון"),
        ("תל אביב", "ירושלים", "חיפה"),
        ("רחוב הרצל", "דיזנגוף", "אלנבי"),
    ),
    Country(
        "AE", "USD", 1, "+971", "",
        _words("محمد فاطمة عائشة خالد ليلى"),
        _words("الأحمد المنصوري حداد العلي"),
        ("دبي", "أبو ظبي", "الشارقة"),
        ("شارع الشيخ زايد", "شارع الكورنيش"),
    ),
    Country(
        "CN", "EUR", 1, "+86", "######",
        _words("伟 芳 秀英 敏 静 𠮷明"),
        _words("王 李 张 刘 陈 欧阳"),
        ("上海", "北京", "成都"),
        _EAST_STREETS,
    ),
)  # fmt: skip

ODD_FIRST_NAMES = (
    "Jean \"Jack\"", "Rene\u0301", "Zoe\u0308", "👩‍🚀 Sally", "Ann, Marie", "Null", "José\u200dMaría", "N/A", "Bob 😀",
    "O\\Reilly", "Li\u2019an", "X Æ A-12", "  Padded ", "Anne\tMarie",
)  # fmt: skip
"""Legal first names that break careless code."""

ODD_STREETS = (
    "Building 4\nFlat 2", 'The "Old" Mill', "c/o Smith; Floor 3", "Rue 'Neuve', 12", "Weg 1\r\nHinterhaus", "🏠 1",
)  # fmt: skip
"""Legal streets: line breaks, quotes, separators."""

ADJECTIVES = _words(
    "Klassik Urban Nordic Alpin Vintage Smart Éco Mini Maxi Solar Velvet Kraft Cloud Azur Café Zen Über Retro 和風"
)

CATEGORIES: dict[str, tuple[str, ...]] = {
    "kitchen": _words("Kettle Teapot Pan Knife Crêpière Mug Wok Grinder"),
    "garden": _words("Spade Hose Lantern Bench Planter Trowel Rake"),
    "sports": _words("Backpack Bottle Tent Mat Gloves Sleeping-Bag Rope"),
    "books": _words("Atlas Cookbook Novel Notebook Guide Calendar"),
    "home": _words("Lamp Cushion Blanket Vase Mirror Rug Clock Shelf"),
    "electronics": _words("Speaker Headphones Charger Keyboard Camera Tracker"),
    "toys": _words("Puzzle Train Kite Doll Robot Blocks"),
    "beauty": _words("Soap Balm Brush Candle Crème Towel"),
}

INDUSTRIES = ("Retail", "Hospitality", "Health", "Manufacturing", "Software & IT", "Öffentlicher Dienst", "Energie")

COMPANY_FORMS = ("GmbH", "AG", "Ltd", "Inc.", "S.A.", "K.K.", "Sp. z o.o.", "AB", "& Söhne", "株式会社")

TITLES = ("CEO", "Head of Procurement", "Office Manager", "Directrice d'achat", "Einkäufer:in", "IT", "購買部長")

CAMPAIGNS = ("spring_sale", "newsletter-2025-03", "vip früh🌷", "win_back", "retargeting_a", "osteraktion")

MAIL_DOMAINS = ("example.com", "example.org", "mail.example.net", "post.example.de", "example.co.jp", "büro.example")

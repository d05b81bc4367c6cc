"""Fill an empty database: `python -m shop.seed [--db PATH]`.

Run again it changes nothing, so a start script may call it every time.
"""

import argparse
import sys
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from shop.db import create_tables, make_engine
from shop.models import Comment, Order, OrderLine, Product, User
from shop.passwords import digest
from shop.settings import Settings

USERS = [
    ("admin@example.com", "Ada Admin", "admin", "admin"),
    ("bob@example.com", "Bob Builder", "password", "user"),
    ("carol@example.com", "Carol Çelik", "letmein", "user"),
]
PRODUCTS = [
    ("Teapot", "Holds a litre and answers 418.", "24.90", 40),
    ("Tea cup", "Bone china, 200 ml.", "7.50", 200),
    ("Oolong 100 g", "Half oxidised, from the high mountains.", "12.00", 75),
    ("Sencha 100 g", "Steamed green tea.", "9.80", 60),
    ("Kettle", "Keeps 80 °C for an hour.", "59.00", 15),
    ("Tin", "For 250 g, closes well.", "5.20", 120),
]
COMMENTS = [
    (0, "Bob", "<b>Pours well</b>, no drips."),
    (0, "Mallory", "<img src=x onerror=\"document.title='owned'\">"),
    (4, "Carol", "Loud, but <i>fast</i>."),
]


def seed(engine: Engine) -> bool:
    """Create the tables and fill them; tells whether there was anything to do."""
    create_tables(engine)
    with Session(engine) as session:
        if session.scalar(select(func.count()).select_from(User)):
            return False
        users = [
            User(email=email, full_name=name, hashed_password=digest(password), role=role)
            for email, name, password, role in USERS
        ]
        products = [
            Product(name=name, description=text, price=Decimal(price), stock=stock)
            for name, text, price, stock in PRODUCTS
        ]
        session.add_all([*users, *products])
        session.flush()
        session.add_all(
            Comment(product_id=products[index].id, author=author, html=html)
            for index, author, html in COMMENTS
        )
        for user, wishes in ((users[1], [(0, 1), (2, 3)]), (users[2], [(4, 1)])):
            order = Order(user_id=user.id, status="paid", shipping_address="1 Leaf Lane, Teatown")
            order.lines = [
                OrderLine(
                    product_id=products[index].id,
                    quantity=quantity,
                    unit_price=products[index].price,
                )
                for index, quantity in wishes
            ]
            session.add(order)
        session.commit()
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m shop.seed", description="Fill the shop.")
    parser.add_argument("--db", type=Path, help="SQLite file; else SHOP_DATABASE_URL, else shop.db")
    options = parser.parse_args(arguments)
    url = (
        Settings.from_environment().database_url
        if options.db is None
        else f"sqlite:///{options.db.resolve()}"
    )
    engine = make_engine(url)
    try:
        filled = seed(engine)
    finally:
        engine.dispose()
    sys.stdout.write(f"{url}: {'seeded' if filled else 'has data already, left as it is'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

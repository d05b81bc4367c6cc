"""Comments, and the page that shows them as they were typed."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from shop import schemas
from shop.db import SessionDep
from shop.models import Comment, Product
from shop.routers.products import get_product

router = APIRouter(tags=["comments"])

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}</title></head>
<body>
<h1>{name}</h1>
<section id="comments">
{comments}
</section>
</body>
</html>
"""


@router.post("/products/{product_id}/comments", status_code=201, response_model=schemas.CommentOut)
def create_comment(product_id: int, new: schemas.CommentCreate, session: SessionDep) -> Comment:
    """Add a comment under any name."""
    get_product(product_id, session)
    comment = Comment(product_id=product_id, author=new.author, html=new.html)
    session.add(comment)
    session.commit()
    return comment


@router.get("/products/{product_id}/comments", response_model=list[schemas.CommentOut])
def list_comments(product_id: int, session: SessionDep) -> list[Comment]:
    """List the comments on a product, oldest first."""
    get_product(product_id, session)
    query = select(Comment).where(Comment.product_id == product_id).order_by(Comment.id)
    return list(session.scalars(query))


@router.delete("/comments/{comment_id}", status_code=204)
def delete_comment(comment_id: int, session: SessionDep) -> None:
    """Remove a comment, whoever wrote it."""
    comment = session.get(Comment, comment_id)
    if comment is None:
        raise HTTPException(404, f"no comment {comment_id}")
    session.delete(comment)
    session.commit()


@router.get("/products/{product_id}/page", response_class=HTMLResponse)
def product_page(product_id: int, session: SessionDep) -> str:
    """Render a product with its comments; nothing is escaped."""
    product: Product = get_product(product_id, session)
    comments = "\n".join(
        f"<article><b>{comment.author}</b><div>{comment.html}</div></article>"
        for comment in sorted(product.comments, key=lambda comment: comment.id)
    )
    return PAGE.format(name=product.name, comments=comments)

"""Pictures: taken as they come, given back as they came."""

from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Response, UploadFile

from shop import schemas
from shop.db import SessionDep
from shop.models import Avatar
from shop.routers.users import find_user

router = APIRouter(prefix="/users/{user_id}/avatar", tags=["avatars"])


@router.post("", status_code=201, response_model=schemas.AvatarOut)
def upload_avatar(user_id: int, file: UploadFile, session: SessionDep) -> schemas.AvatarOut:
    """Store a picture. Size, kind and name are the sender's word."""
    find_user(session, user_id)
    data = file.file.read()
    avatar = Avatar(
        user_id=user_id,
        filename=file.filename or "avatar",
        content_type=file.content_type or "application/octet-stream",
        data=data,
    )
    session.merge(avatar)
    session.commit()
    return schemas.AvatarOut(
        filename=avatar.filename, content_type=avatar.content_type, size=len(data)
    )


@router.get("", response_class=Response)
def download_avatar(user_id: int, session: SessionDep) -> Response:
    """Send the picture with the content type that its sender claimed."""
    avatar = session.get(Avatar, user_id)
    if avatar is None:
        raise HTTPException(404, f"user {user_id} has no avatar")
    return Response(
        avatar.data,
        media_type=avatar.content_type,
        headers={"Content-Disposition": f"inline; filename*=UTF-8''{quote(avatar.filename)}"},
    )


@router.delete("", status_code=204)
def delete_avatar(user_id: int, session: SessionDep) -> None:
    """Remove the picture; removing none is fine."""
    avatar = session.get(Avatar, user_id)
    if avatar is not None:
        session.delete(avatar)
        session.commit()

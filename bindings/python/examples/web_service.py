"""A web service with FastAPI: a dependency needs a feature of the license.

    uvicorn web_service:app

The service has one client, and decides for the user of each request. `allows` usually takes
microseconds, so the dependency may run in the event loop. `use_quota` writes to the disk, so it runs
in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Annotated

from coditect_license import Client, MissingContextError, Product
from fastapi import Depends, FastAPI, Header, HTTPException

app = FastAPI()


@cache
def license_client() -> Client:
    """Returns the client of this process."""
    trust = Path(__file__).with_name("trust.jwks")
    return Client(trust=trust, product=Product.coditect(), app_version="2.4.0")


async def current_user(x_user: Annotated[str, Header()] = "") -> str:
    """Returns the user of the request. Replace this function with your authentication."""
    return x_user


License = Annotated[Client, Depends(license_client)]
User = Annotated[str, Depends(current_user)]


def needs(feature: str) -> Callable[[Client, str], Awaitable[None]]:
    """Returns a dependency that refuses the request if the license lacks the feature."""

    async def check(client: License, user: User) -> None:
        try:
            if client.allows(feature, user=user):
                return
        except MissingContextError as error:
            raise HTTPException(403, detail={"code": error.code}) from None
        # The code has no names of customers or users, so the client of the request may see it.
        code = client.decide(user=user).feature(feature).code
        raise HTTPException(403, detail={"code": code, "feature": feature})

    return check


@app.post("/sync", dependencies=[Depends(needs("cloud_sync"))])
async def sync() -> dict[str, str]:
    """Needs a feature."""
    return {"state": "synchronized"}


@app.post("/command")
async def command(client: License, user: User) -> dict[str, int | None]:
    """Takes one use from a quota."""
    used = await asyncio.to_thread(client.use_quota, "commands_per_day", user=user)
    if not used.granted:
        headers = {"Retry-After": used.refills_at.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        raise HTTPException(429, detail={"code": used.code}, headers=headers)
    return {"remaining": used.remaining}

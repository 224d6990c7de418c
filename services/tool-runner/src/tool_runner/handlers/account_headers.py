"""Under which account of the entity is a call made, and what if its server refuses that account's tokens?"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from service_kit.errors import RetryLater
from tool_runner.adapters.vault.vault import Vault
from tool_runner.domain.accounts import Account, NotConnected
from tool_runner.domain.outcome import ErrorClass, Failed
from tool_runner.domain.tool_request import ToolRequest
from tool_runner.handlers.make_call import Renew
from tool_runner.handlers.runner import CallInHand, Runner


async def with_account(call: CallInHand, runner: Runner) -> CallInHand | Failed:
    """The call with what the entity's account adds to it, where its tool needs one. While the app of the account does
    not answer, the call waits until its deadline."""
    app, entity = call.tool.rules.authentication_required, call.command.entity
    if app is None:
        return call
    if entity is None:
        detail = f"{call.tool.name} needs an account at {app}, and the call is made for no entity that could have one"
        return Failed(ErrorClass.DENIED, detail)
    assert runner.vault is not None, "the manifest declares the apps of its tools"
    try:
        found = await runner.vault.credentials_for(call.place.tenant, entity, app)
    except RetryLater as error:
        if call.seconds_left(runner.now_ms()) > 0:
            raise
        return Failed(ErrorClass.SERVER_UNAVAILABLE, f"{call.tool.name}: {error}", retryable=True)
    if isinstance(found, NotConnected):
        return Failed(ErrorClass.DENIED, f"{call.tool.name}: {found.detail}")
    return replace(call, headers=found.headers, connected_at_ms=found.connected_at_ms)


def renewing(call: CallInHand, vault: Vault | None) -> Renew | None:
    """What asks the account of a call for other tokens; None where the call has no account."""
    app, entity = call.tool.rules.authentication_required, call.command.entity
    if vault is None or app is None or entity is None:
        return None
    account = Account(call.place.tenant, entity, app)

    async def renew(request: ToolRequest) -> Mapping[str, str] | str:
        """Nothing is raised: the call is claimed, and has its end here."""
        try:
            async with asyncio.timeout(request.until - time.monotonic()):
                found = await vault.headers_after_refusal(account, request.headers)
        except TimeoutError:
            return f"{app} gave no other token before the deadline"
        except RetryLater as error:
            return f"no other token could be had: {error}"
        if found is None:
            return f"{app} has no other token for it"
        return found.detail if isinstance(found, NotConnected) else found

    return renew

"""A model provider for tests: OpenAI, Azure and Anthropic shapes, and Entra's token services.

What it answers is scripted, one step a call; when the steps are used up the default step
answers. A step is a dict (so that it can also be sent as JSON), made by the functions below:

    with Provider() as provider:
        provider.script([status(429, retry_after=1), answer({"segment": "smb"})])
        ... run heed against provider.openai_url ...
        assert len(provider.calls) == 2

A script may also be a function that takes a Call and returns a step; it runs in the server's
thread. As a program: `python3 provider.py --port 0` prints its address; `POST /_script` takes
a list of steps, `POST /_default` one step, `GET /_calls` shows what was asked, `DELETE /_calls`
forgets it.
"""

import argparse
import asyncio
import json
import re
import threading
import time

from aiohttp import web

try:
    import pytest
except ImportError:  # as a program it needs no pytest
    pytest = None


# ---- steps -------------------------------------------------------------------------------


def answer(value=None, **more):
    """An answer: a string as it is, anything else as JSON; None: the least that the asked-for
    schema allows. More: usage (dict input, output, cached, cache_write, reasoning), or False
    for none; delay (seconds); model; headers."""
    return {"kind": "answer", "value": value, **more}


def status(code, message="scripted", error="scripted", retry_after=None, **more):
    """An error response in the provider's shape. More: delay, headers, retry_after_ms."""
    return {"kind": "status", "status": code, "message": message, "error": error,
            "retry_after": retry_after, **more}


def rate_limit(retry_after=None, **more):
    return status(429, "slow down", "rate_limit_exceeded", retry_after, **more)


def refusal(text="I can't help with that.", **more):
    return {"kind": "refusal", "value": text, **more}


def length(text='{"cut', **more):
    """Cut off by the limit of tokens."""
    return {"kind": "length", "value": text, **more}


def content_filter(where="answer", **more):
    """Blocked: the answer (a 200), or with where="prompt" Azure's 400."""
    return {"kind": "filter", "where": where, **more}


def garbage(text="<html>bad gateway</html>", code=200, **more):
    """A body that is no JSON."""
    return {"kind": "garbage", "value": text, "status": code, **more}


def half(value=None, **more):
    """Half of an answer, then the connection is cut."""
    return {"kind": "half", "value": value, **more}


def drop(**more):
    """The connection is cut without a byte, after the request was read."""
    return {"kind": "drop", **more}


def hang(seconds=3600, **more):
    """No answer for a long time."""
    return {"kind": "drop", "delay": seconds, **more}


def fenced(value, **more):
    """An answer in a code fence with words around it."""
    return answer("Here it is:\n```json\n" + json.dumps(value) + "\n```\nAnything else?", **more)


# ---- requests ----------------------------------------------------------------------------


class Call:
    """One request as it came: path, query, headers (lower case), body (JSON or None)."""

    def __init__(self, number, request, body):
        self.number = number
        self.path = request.path
        self.query = dict(request.query)
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.body = body
        self.time = time.time()

    @property
    def anthropic(self):
        return self.path.endswith("/messages")

    @property
    def messages(self):
        return [m for m in self.body.get("messages", []) if m["role"] != "system"]

    @property
    def prompt(self):
        """The user's first message."""
        return self.messages[0]["content"]

    @property
    def system(self):
        if self.anthropic:
            return self.body.get("system", "")
        return "".join(m["content"] for m in self.body["messages"] if m["role"] == "system")

    @property
    def is_repair(self):
        return len(self.messages) > 1

    @property
    def schema(self):
        """The JSON Schema that was sent, or None."""
        if self.anthropic:
            if "tools" in self.body:
                return self.body["tools"][0]["input_schema"]
            return self.body.get("output_config", {}).get("format", {}).get("schema")
        return self.body.get("response_format", {}).get("json_schema", {}).get("schema")

    @property
    def max_tokens(self):
        return self.body.get("max_completion_tokens") or self.body.get("max_tokens")

    def as_dict(self):
        hidden = ("authorization", "api-key", "x-api-key")
        return {"number": self.number, "path": self.path, "query": self.query, "body": self.body,
                "headers": {n: v for n, v in self.headers.items() if n not in hidden}}


def least(schema, root=None):
    """The least value that a schema in strict form allows."""
    root = root or schema
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part] if part else target
        return least(target, root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return least(schema[choice][-1], root)
    kind = schema.get("type", "object" if "properties" in schema else "null")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    if kind == "object":
        names = schema.get("required", [])
        return {name: least(schema.get("properties", {}).get(name, {}), root) for name in names}
    bound = schema.get("minimum", 0)
    return {"array": [], "string": "", "number": bound, "integer": bound, "boolean": False,
            "null": None}[kind]


# ---- responses ---------------------------------------------------------------------------


def usage_of(step, call, text):
    """Input as a quarter of the request's characters unless the step says."""
    given = step.get("usage")
    if given is False:
        return None
    usage = {"input": len(json.dumps(call.body)) // 4, "output": len(text) // 4 + 1,
             "cached": 0, "cache_write": 0, "reasoning": 0}
    usage.update(given or {})
    return usage


def openai_body(call, step, text, finish, refused=None):
    body = {"id": f"chatcmpl-{call.number}", "object": "chat.completion",
            "created": int(time.time()),
            "model": step.get("model") or call.body.get("model", "gpt-4o"),
            "choices": [{"index": 0, "finish_reason": finish, "logprobs": None,
                         "message": {"role": "assistant", "content": text, "refusal": refused}}]}
    usage = usage_of(step, call, text or "")
    if usage:
        body["usage"] = {
            "prompt_tokens": usage["input"], "completion_tokens": usage["output"],
            "total_tokens": usage["input"] + usage["output"],
            "prompt_tokens_details": {"cached_tokens": usage["cached"],
                                      "cache_write_tokens": usage["cache_write"]},
            "completion_tokens_details": {"reasoning_tokens": usage["reasoning"]}}
    return body


def anthropic_body(call, step, text, stop):
    content = [{"type": "text", "text": text}] if text else []
    if "tools" in call.body and stop == "end_turn":
        try:
            content = [{"type": "tool_use", "id": f"toolu_{call.number}",
                        "name": call.body["tools"][0]["name"], "input": json.loads(text)}]
            stop = "tool_use"
        except ValueError:
            pass
    body = {"id": f"msg_{call.number}", "type": "message", "role": "assistant",
            "model": step.get("model") or call.body.get("model", "claude"), "content": content,
            "stop_reason": stop, "stop_sequence": None}
    usage = usage_of(step, call, text or "")
    if usage:
        # Theirs leave out what the cache gave or took.
        plain = max(0, usage["input"] - usage["cached"] - usage["cache_write"])
        body["usage"] = {"input_tokens": plain, "cache_read_input_tokens": usage["cached"],
                         "cache_creation_input_tokens": usage["cache_write"],
                         "output_tokens": usage["output"],
                         "output_tokens_details": {"reasoning_tokens": usage["reasoning"]}}
    return body


def error_body(call, step):
    if call.anthropic:
        return {"type": "error", "request_id": f"req_{call.number}",
                "error": {"type": step["error"], "message": step["message"]}}
    return {"error": {"message": step["message"], "type": step["error"], "param": None,
                      "code": step["error"]}}


FILTERED = {"error": {
    "code": "content_filter", "param": "prompt", "status": 400,
    "message": "The response was filtered",
    "innererror": {"code": "ResponsibleAIPolicyViolation",
                   "content_filter_result": {"violence": {"filtered": True,
                                                          "severity": "high"}}}}}


def text_of(call, step):
    value = step.get("value")
    if value is None:
        value = least(call.schema) if call.schema else "fine"
    return value if isinstance(value, str) else json.dumps(value)


def body_of(call, step):
    """Status and body of a step that is answered properly."""
    kind = step["kind"]
    if kind == "status":
        return step["status"], error_body(call, step)
    if kind == "filter" and step["where"] == "prompt":
        return 400, FILTERED
    text = "" if kind == "filter" else text_of(call, step)
    if call.anthropic:
        stop = {"refusal": "refusal", "length": "max_tokens", "filter": "refusal"}
        return 200, anthropic_body(call, step, text, stop.get(kind, "end_turn"))
    if kind == "refusal":
        return 200, openai_body(call, step, None, "stop", text)
    finish = {"length": "length", "filter": "content_filter"}
    return 200, openai_body(call, step, text, finish.get(kind, "stop"))


# ---- the server --------------------------------------------------------------------------


def cut(request):
    """End the connection, unless the client was first."""
    if request.transport:
        request.transport.abort()


class Provider:
    """The server, in a thread of its own. `key`: what api keys and tokens must be, or None."""

    def __init__(self, port=0, host="127.0.0.1", key=None):
        self.host, self.port, self.key = host, port, key
        self.calls = []
        self.tokens = []  # requests for Entra tokens
        self.token_life = 3600
        self.in_flight = self.most_in_flight = 0
        self.default = answer()
        self._script = []
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._thread = None
        self._failure = None

    # -- what tests use

    def script(self, steps):
        """Steps for the next calls, or a function from Call to step (None: the default)."""
        with self._lock:
            self._script = steps if callable(steps) else list(steps)

    def reset(self):
        with self._lock:
            self.calls.clear()
            self.tokens.clear()
            self._script, self.default, self.most_in_flight = [], answer(), 0

    def wait(self, n, seconds=10):
        """Until n calls have come; their list."""
        end = time.monotonic() + seconds
        while len(self.calls) < n:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.calls)} of {n} calls after {seconds} s")
            time.sleep(0.005)
        return self.calls

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    @property
    def openai_url(self):
        return self.url + "/v1"

    # azure and anthropic take the bare address
    azure_url = anthropic_url = url

    # -- requests

    def _next(self, call):
        with self._lock:
            if callable(self._script):
                return self._script(call) or self.default
            return self._script.pop(0) if self._script else self.default

    def _is_allowed(self, call):
        given = (call.headers.get("api-key") or call.headers.get("x-api-key") or
                 re.sub("^Bearer ", "", call.headers.get("authorization", "")))
        return self.key is None or given == self.key

    async def _ask(self, request):
        try:
            body = json.loads(await request.text())
        except ValueError:
            body = None
        with self._lock:
            call = Call(len(self.calls) + 1, request, body)
            self.calls.append(call)
        if not self._is_allowed(call):
            step = status(401, "wrong key", "invalid_api_key")
        elif not isinstance(body, dict) or "messages" not in body:
            step = status(400, "no messages", "invalid_request_error")
        else:
            step = self._next(call)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._perform(request, call, step)
        finally:
            self.in_flight -= 1

    async def _perform(self, request, call, step):
        if step.get("delay"):
            await asyncio.sleep(step["delay"])
        headers = {"x-request-id": f"req_{call.number}", **(step.get("headers") or {})}
        if step.get("retry_after") is not None:
            headers["Retry-After"] = str(step["retry_after"])
        if step.get("retry_after_ms") is not None:
            headers["retry-after-ms"] = str(step["retry_after_ms"])
        if step["kind"] == "drop":
            cut(request)
            return web.Response()
        if step["kind"] == "garbage":
            return web.Response(text=step["value"], status=step["status"], headers=headers)
        if step["kind"] == "half":
            return await self._send_half(request, call, step, headers)
        code, body = body_of(call, step)
        return web.json_response(body, status=code, headers=headers)

    async def _send_half(self, request, call, step, headers):
        _, body = body_of(call, {**step, "kind": "answer"})
        data = json.dumps(body).encode()
        response = web.StreamResponse(headers={**headers, "Content-Length": str(len(data)),
                                               "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(data[:len(data) // 2])
        await asyncio.sleep(0.02)
        cut(request)
        return response

    async def _token(self, request):
        form = dict(await request.post()) if request.method == "POST" else dict(request.query)
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            self.tokens.append({"path": request.path, "form": form, "headers": headers})
            number = len(self.tokens)
        if form.get("client_secret") == "wrong":
            return web.json_response({"error": "invalid_client",
                                      "error_description": "AADSTS7000215: invalid secret"},
                                     status=401)
        token = self.key or f"token-{number}"
        if request.method == "POST":
            return web.json_response({"token_type": "Bearer", "expires_in": self.token_life,
                                      "access_token": token})
        return web.json_response({"access_token": token, "token_type": "Bearer",
                                  "expires_on": str(int(time.time()) + self.token_life)})

    # -- control by HTTP

    async def _set_script(self, request):
        self.script(await request.json())
        return web.Response(status=204)

    async def _set_default(self, request):
        self.default = await request.json()
        return web.Response(status=204)

    async def _show_calls(self, request):
        return web.json_response({"calls": [call.as_dict() for call in self.calls],
                                  "n": len(self.calls), "most_in_flight": self.most_in_flight})

    async def _forget_calls(self, request):
        self.reset()
        return web.Response(status=204)

    # -- life

    def _app(self):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/_script", self._set_script)
        app.router.add_post("/_default", self._set_default)
        app.router.add_get("/_calls", self._show_calls)
        app.router.add_delete("/_calls", self._forget_calls)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get("/metadata/identity/oauth2/token", self._token)
        app.router.add_get("/msi/token", self._token)
        app.router.add_post("/{path:.*}", self._ask)
        return app

    async def _serve(self):
        runner = web.AppRunner(self._app(), access_log=None, handle_signals=False)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port, backlog=4096,
                               shutdown_timeout=0.1)
            await site.start()
            self.port = site._server.sockets[0].getsockname()[1]
            self._stop = asyncio.Event()
            self._ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:  # those that hang
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    def _run(self):
        self._loop = asyncio.new_event_loop()
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as failure:  # told to whoever starts it
            self._failure = failure
        finally:
            self._ready.set()
            self._loop.close()

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


if pytest:
    @pytest.fixture
    def provider():
        """A provider for one test. Import it in conftest.py."""
        with Provider() as server:
            yield server


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--key", help="refuse any other key")
    parser.add_argument("--script", help="a file with a JSON list of steps")
    parser.add_argument("--answer", help="the default answer, as JSON")
    parser.add_argument("--delay", type=float, default=0, help="of default answers, in seconds")
    options = parser.parse_args()
    provider = Provider(options.port, options.host, options.key)
    provider.default = answer(json.loads(options.answer) if options.answer else None,
                              delay=options.delay)
    if options.script:
        with open(options.script, encoding="utf-8") as file:
            provider.script(json.load(file))
    with provider:
        print(provider.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()

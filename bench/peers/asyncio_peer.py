"""What users would write instead: asyncio and aiohttp around SQLite, as durable as they can.

Events come over HTTP in batches and are committed (with their dedup key and a run) before the
answer; runs ask the model, at most IN_FLIGHT at once; reply and outcome are committed in
groups. The rows are those that heed writes.

usage: asyncio_peer.py FILE MODEL_URL IN_FLIGHT      prints its port
"""

import asyncio
import hashlib
import json
import sqlite3
import sys
import time

import aiohttp
from aiohttp import web

SCHEMA = """
pragma journal_mode = wal; pragma synchronous = full;
create table events(seq integer primary key, source text, id text, type text, time_us integer,
  received_us integer, body text);
create index events_type on events(type, seq); create index events_id on events(id);
create table dedup(hash blob primary key, at_us integer) without rowid;
create table runs(id integer primary key, event_seq integer, name text, state integer,
  created_us integer, updated_us integer, tokens_in integer, tokens_out integer);
create index runs_open on runs(state, id) where state <> 5;
create table journal(run_id integer, n integer, kind integer, state integer, at_us integer,
  request text, reply text, primary key(run_id, n)) without rowid;
"""
ANSWER = {"type": "object", "additionalProperties": False, "required": ["segment", "potential"],
          "properties": {"segment": {"enum": ["enterprise", "smb"]},
                         "potential": {"enum": ["high", "low"]}}}


def now_us():
    return time.time_ns() // 1000


class Peer:
    def __init__(self, path, url, in_flight):
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.executescript(SCHEMA)
        self.url, self.in_flight = url, in_flight
        self.queue, self.pending = asyncio.Queue(), []
        self.seq, self.wake = 0, asyncio.Event()

    async def commit(self, statements):
        """Group commit: resolved when the group that holds them is on disk."""
        done = asyncio.get_running_loop().create_future()
        self.pending.append((statements, done))
        self.wake.set()
        await done

    def write(self, group):
        self.db.execute("begin")
        for statements, _ in group:
            for sql, values in statements:
                self.db.execute(sql, values)
        self.db.execute("commit")

    async def writer(self):
        while True:
            await self.wake.wait()
            self.wake.clear()
            group, self.pending = self.pending, []
            if group:
                await asyncio.to_thread(self.write, group)
                for _, done in group:
                    done.set_result(None)

    async def take(self, request):
        events = json.loads(await request.read())
        statements, fresh = [], []
        for event in events:
            self.seq += 1
            key = hashlib.sha256(f"{event['source']}\n{event['id']}".encode()).digest()[:16]
            now = now_us()
            statements += [
                ("insert into dedup values(?, ?)", (key, now)),
                ("insert into events values(?, ?, ?, ?, ?, ?, ?)",
                 (self.seq, event["source"], event["id"], event["type"], now, now,
                  json.dumps(event))),
                ("insert into runs values(?, ?, 'enrich', 1, ?, ?, 0, 0)",
                 (self.seq, self.seq, now, now)),
            ]
            fresh.append((self.seq, event))
        await self.commit(statements)
        for item in fresh:
            self.queue.put_nowait(item)
        return web.json_response({"accepted": len(fresh), "duplicates": 0}, status=202)

    async def react(self, session, run, event):
        prompt = f"Analyze this customer data and provide enrichment:\n{json.dumps(event['data'])}"
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}],
                "response_format": {"type": "json_schema", "json_schema": {
                    "name": "answer", "strict": True, "schema": ANSWER}}}
        await self.commit([("insert into journal values(?, 1, 0, 0, ?, ?, '')",
                            (run, now_us(), prompt))])
        async with session.post(self.url, json=body) as reply:
            text = await reply.text()
        await self.commit([("update journal set state = 1, reply = ? where run_id = ? and n = 1",
                            (text, run))])
        answer = json.loads(json.loads(text)["choices"][0]["message"]["content"])
        assert answer["segment"] in ANSWER["properties"]["segment"]["enum"]
        self.seq += 1
        follow = {"specversion": "1.0", "id": f"{run}-1", "source": "peer",
                  "type": "customer_enriched", "data": {"id": event["data"]["id"], **answer}}
        now = now_us()
        await self.commit([
            ("insert into journal values(?, 2, 2, 1, ?, '', '')", (run, now)),
            ("insert into events values(?, 'peer', ?, 'customer_enriched', ?, ?, ?)",
             (self.seq, follow["id"], now, now, json.dumps(follow))),
            ("update runs set state = 5, updated_us = ?, tokens_in = 120, tokens_out = 14"
             " where id = ?", (now, run)),
        ])

    async def worker(self, session):
        while True:
            await self.react(session, *await self.queue.get())

    async def run(self):
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), headers={"Authorization": "Bearer bench"}
        ) as session:
            await asyncio.gather(
                self.writer(), *(self.worker(session) for _ in range(self.in_flight)))


asyncio.run(Peer(sys.argv[1], sys.argv[2], int(sys.argv[3])).run())

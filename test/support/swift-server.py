"""An S3 store: OpenStack Swift with its S3 interface, its four servers in this one process.

Usage: swift-server.py FOLDER ACCOUNT:USER SECRET REGION

Prints the port that it listens on, and ends with its standard input. Swift's own programs read /etc/swift and want a
memcached; neither is needed for a store that nobody shares.
"""
import eventlet

eventlet.monkey_patch()

import logging
import os
import sys
from array import array

from eventlet import tpool, wsgi
from swift.account.server import AccountController
from swift.common import utils
from swift.common.middleware import catch_errors, slo, tempauth
from swift.common.middleware.s3api import s3api
from swift.common.ring import RingData
from swift.container.server import ContainerController
from swift.obj.server import ObjectController
from swift.proxy.server import Application

STORAGE_SERVERS = {"account": AccountController, "container": ContainerController, "object": ObjectController}


class Memory:
    """What Swift keeps in a memcached."""

    def __init__(self, app):
        self.app = app
        self.values = {}

    def __call__(self, env, start_response):
        env["swift.cache"] = self
        return self.app(env, start_response)

    def get(self, key, **_):
        return self.values.get(key)

    def set(self, key, value, **_):
        self.values[key] = value

    def delete(self, key, **_):
        self.values.pop(key, None)


def main(folder, key, secret, region):
    conf = configure(folder)
    for name, server in STORAGE_SERVERS.items():
        port = serve(server(conf))
        save_ring(os.path.join(folder, name + ".ring.gz"), port)
    account, user = key.split(":")
    app = Application({**conf, "account_autocreate": "true", "allow_account_management": "true"})
    app = slo.filter_factory(conf)(app)
    app = tempauth.filter_factory({**conf, f"user_{account}_{user}": f"{secret} .admin"})(app)
    app = s3api.filter_factory({**conf, "location": region, "s3_acl": "false"})(app)
    app = catch_errors.filter_factory(conf)(app)
    print(serve(Memory(app)), flush=True)
    tpool.execute(sys.stdin.read)


def configure(folder):
    devices = os.path.join(folder, "devices")
    os.makedirs(os.path.join(devices, "disk"))
    with open(os.path.join(folder, "swift.conf"), "w") as conf:
        conf.write("[swift-hash]\nswift_hash_path_prefix = test\n")
    utils.set_swift_dir(folder)
    utils.validate_hash_conf()
    return {
        "swift_dir": folder,
        "devices": devices,
        "mount_check": "false",
        "fallocate_reserve": "0",
        "log_level": "CRITICAL",
    }


def serve(app):
    socket = eventlet.listen(("127.0.0.1", 0))
    eventlet.spawn(wsgi.server, socket, app, logging.getLogger("wsgi"), log_output=False)
    return socket.getsockname()[1]


def save_ring(path, port):
    """Says that all of a kind is on one disk, behind one port."""
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    disk = {"id": 0, "zone": 0, "region": 1, "device": "disk", **place}
    RingData([array("H", [0])], [disk], 32).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])

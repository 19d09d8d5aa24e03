#!/usr/bin/env python3
"""A gRPC peer without generated code: a service, and a client that finds it by xDS.

    peer.py serve NAME PORT                  answers each call with NAME and the bytes that it got, and serves by health checks
    peer.py call TARGET [--times N] [--every S] [--timeout S]

`call` prints a line for each call as it ends: the answer, or the status code and its details. It reads its xDS server
from GRPC_XDS_BOOTSTRAP_CONFIG (JSON) or GRPC_XDS_BOOTSTRAP (a file), and ends with 1 if the last call failed.
"""

import argparse
import sys
import time
from concurrent import futures

import grpc

METHOD = "/ferrox.test.Peer/Echo"
HEALTH = "/grpc.health.v1.Health/Check"
# HealthCheckResponse {status: SERVING}
SERVING = b"\x08\x01"


def serve(name: str, port: int) -> None:
    """Serves until it is killed."""

    class Echo(grpc.GenericRpcHandler):
        def service(self, details):
            # No (de)serializers: requests and answers are bytes.
            if details.method == HEALTH:
                return grpc.unary_unary_rpc_method_handler(lambda request, _: SERVING)
            return grpc.unary_unary_rpc_method_handler(lambda request, _: f"{name} {details.method} ".encode() + request)

    # Without SO_REUSEPORT two servers never share a port by accident.
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Echo()], options=[("grpc.so_reuseport", 0)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print(f"{name} listens on {port}", flush=True)
    server.wait_for_termination()


def call(target: str, times: int, every: float, timeout: float) -> int:
    """Calls over one channel, one call after the other."""
    last = 1
    # A proxy of the environment would be asked to reach the endpoints.
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        echo = channel.unary_unary(METHOD)
        for number in range(times):
            if number:
                time.sleep(every)
            try:
                print("OK", echo(b"%d" % number, timeout=timeout).decode(), flush=True)
                last = 0
            except grpc.RpcError as error:
                print(error.code().name, error.details(), flush=True)
                last = 1
    return last


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve")
    command.add_argument("name")
    command.add_argument("port", type=int)
    command = commands.add_parser("call")
    command.add_argument("target")
    command.add_argument("--times", type=int, default=1)
    command.add_argument("--every", type=float, default=0.1)
    command.add_argument("--timeout", type=float, default=5.0)
    arguments = vars(parser.parse_args())
    return {"serve": serve, "call": call}[arguments.pop("command")](**arguments) or 0


if __name__ == "__main__":
    sys.exit(main())

"""AWS by moto: S3, Secrets Manager, SSM, DynamoDB, SNS, CloudWatch, EMR Serverless, logins to Redshift; on one port.

It keeps all in memory. Any credentials are good. What the sandbox needs in it (buckets, secrets, a table, a topic) is
put there by seeding.
"""

from __future__ import annotations

import os

from sandbox.services.listen import LOOPBACK, leave_on_sigterm, socket_from_command_line


def main() -> None:
    """Serves until SIGTERM."""
    listener = socket_from_command_line("AWS stand-in")
    port: int = listener.getsockname()[1]
    os.environ["MOTO_PORT"] = str(port)  # moto puts it into the URLs it answers with

    from sandbox.services.cloud import aws_gaps, dynamo_limits, emr_serverless
    from sandbox.services.redshift_logins import RedshiftLogins

    emr_serverless.install()
    aws_gaps.install()
    dynamo_limits.install()

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    leave_on_sigterm()
    application = RedshiftLogins(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        LOOPBACK, port, application, threaded=True, request_handler=MotoRequestHandler, fd=listener.detach()
    )
    server.serve_forever()


if __name__ == "__main__":
    main()

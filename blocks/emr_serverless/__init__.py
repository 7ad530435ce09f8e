"""Prefect's worker type `emr-serverless`: a flow run is the Spark driver of a job run on EMR Serverless."""

from blocks.emr_serverless.worker import EMRServerlessWorker

__all__ = ["EMRServerlessWorker"]

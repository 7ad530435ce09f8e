"""Where a run happens: `env/<name>.yaml` with roots, connections, compute, state; the same tables fit every one."""

from tidemark.config.environment.model import ANSI, FOLDER, MEANINGS, SPARK, Environment
from tidemark.config.environment.monitoring import (
    BudgetSettings,
    MetricsSettings,
    PriceSettings,
    SlaSettings,
    SmtpSettings,
)
from tidemark.config.environment.reading import load_environment, read_env_file
from tidemark.config.environment.settings import (
    ROOT_NAMES,
    ApprovalSettings,
    ComputeSettings,
    MaintenanceSettings,
    PlanSettings,
    PrefectSettings,
    RetentionSettings,
    Roots,
    SizeSpec,
    SnapshotSettings,
    StateSettings,
    VerifySettings,
    WorkPoolSettings,
)
from tidemark.config.environment.systems import AlertSpec, ConnectionSpec, MaskingSettings, RetrySettings, TargetSpec
from tidemark.config.environment.telling import LineageSettings, LogSettings

__all__ = [
    "ANSI",
    "FOLDER",
    "MEANINGS",
    "ROOT_NAMES",
    "SPARK",
    "AlertSpec",
    "ApprovalSettings",
    "BudgetSettings",
    "ComputeSettings",
    "ConnectionSpec",
    "Environment",
    "LineageSettings",
    "LogSettings",
    "MaintenanceSettings",
    "MaskingSettings",
    "MetricsSettings",
    "PlanSettings",
    "PrefectSettings",
    "PriceSettings",
    "RetentionSettings",
    "RetrySettings",
    "Roots",
    "SizeSpec",
    "SlaSettings",
    "SmtpSettings",
    "SnapshotSettings",
    "StateSettings",
    "TargetSpec",
    "VerifySettings",
    "WorkPoolSettings",
    "load_environment",
    "read_env_file",
]

"""The report of a run: a page, a contact sheet and figures, all made from the run's folder alone."""

from imageloop.report.page import write_report

__all__ = ["write_report"]

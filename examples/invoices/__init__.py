"""Accounts payable: an inbox of invoices, a flaky ERP, and a contract that decides what is paid."""

"""Faults of the layers that metrics pass: each as it shows in objects, logs and answers of other servers.

The words are those of real components. `table.FAULTS` names them; `view.View` is what each of them changes.
"""

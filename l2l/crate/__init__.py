"""A run described for others, as an RO-Crate and in openMINDS; runs in the process of whoever writes it.

A crate is a folder with files and a description of them; here it follows the Process Run Crate profile. An action is an
execution: one for the whole run, and one per process lifetime of its leader. The trials stay in the archive.
"""

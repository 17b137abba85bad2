"""Anchors: which picture is this person?"""

"""Beam search: diverse, constrained and drawn beams."""

# frozen_string_literal: true

# Tests that use Rails from outside: the app runs in a process of its own, and this one talks to it through sockets.

require "bundler/setup"
require "active_support"
require "active_support/test_case"
require "minitest/autorun"

require "support/eventually"
require "support/dummy_app"
require "support/thrust_server"
require "support/system_test"

# frozen_string_literal: true

namespace :thruster do
  desc "Show how the thrust of this app is; FORMAT=json for programs"
  task :status, [ :format ] do |_, arguments|
    require "thruster/tasks"
    exit 1 unless Thruster::Tasks.new(Rails.application, format: arguments[:format] || ENV["FORMAT"]).status
  end
end

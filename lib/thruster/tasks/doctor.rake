# frozen_string_literal: true

namespace :thruster do
  desc "Look for what will not work between Rails and thrust, and say what to change; FORMAT=json for programs"
  task :doctor, [ :format ] => :environment do |_, arguments|
    require "thruster/tasks"
    exit 1 unless Thruster::Tasks.new(Rails.application, format: arguments[:format] || ENV["FORMAT"]).doctor
  end
end

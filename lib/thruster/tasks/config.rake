# frozen_string_literal: true

namespace :thruster do
  desc "Show every setting of thrust, its value and where that comes from; FORMAT=json for programs"
  task :config, [ :format ] => :environment do |_, arguments|
    require "thruster/tasks"
    exit 1 unless Thruster::Tasks.new(Rails.application, format: arguments[:format] || ENV["FORMAT"]).config
  end
end

# Tells what the app hears when it asks the thrust above it.
class ProxiesController < ApplicationController
  def show
    render json: { running: Thruster.running?, generation: Thruster.status[:generation] }
  rescue Thruster::NotRunning
    render json: { running: false }
  end
end

# An event stream that ends by itself: numbered events with a pause between two of them.
class TicksController < ApplicationController
  include ActionController::Live

  MOST = 100

  def show
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache"
    events = SSE.new(response.stream)

    (1..params[:count].to_i.clamp(1, MOST)).each do |number|
      sleep params[:pause].to_i.clamp(0, 1000) / 1000.0 unless number == 1
      events.write("#{params[:id]} #{number}")
    end
  rescue ActionController::Live::ClientDisconnected
    logger.info "ticks #{params[:id]}: the client has left"
  ensure
    response.stream.close
  end
end

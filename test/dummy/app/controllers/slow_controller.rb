# Takes its time.
class SlowController < ApplicationController
  def show
    sleep params[:seconds].to_i
    render plain: "done\n"
  end
end
